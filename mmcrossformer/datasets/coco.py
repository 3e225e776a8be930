"""Reads annotation files in COCO format."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mmcrossformer.datasets.coco_fields import describe_wrong_fields
from mmcrossformer.utils.errors import UserError

Reader = Callable[[Path], dict[str, Any]]

_GZIP = b'\x1f\x8b'
# What editors put before the text; UTF-16 has the first two of UTF-32.
_MARKS = {b'\xef\xbb\xbf': 'UTF-8 with a byte order mark', b'\xff\xfe': 'UTF-16', b'\xfe\xff': 'UTF-16'}


def read_coco(path: Path) -> dict[str, Any]:
    """Reads an annotation file.

    Whatever is returned has the keys and types that mmdet and pycocotools need.

    Raises:
        UserError: The file cannot be read, is not in COCO format, or has no images or categories.
    """
    try:
        coco = json.loads(_read_text(path))
    except OSError as error:
        raise UserError(f'annotation file {path} cannot be read: {error.strerror}') from error
    except json.JSONDecodeError as error:
        several = error.msg == 'Extra data'
        hint = '. It has several values, as JSON lines do: COCO is one object with lists' if several else ''
        raise UserError(f'annotation file {path} is no json: {error}{hint}') from error
    except (ValueError, RecursionError) as error:  # integers of thousands of digits, nesting of thousands of levels
        raise UserError(f'annotation file {path} is no json that can be read: {error}') from error
    for part in ('images', 'annotations', 'categories'):
        if not isinstance(coco, dict) or not isinstance(coco.get(part), list):
            raise UserError(f'annotation file {path} is not in COCO format: it has no list {part!r}')
    wrong = list(describe_wrong_fields(coco))
    if wrong:
        raise UserError(f'annotation file {path}: {"; ".join(wrong)}')
    for part in ('images', 'categories'):
        if not coco[part]:
            raise UserError(f'annotation file {path} has no {part}')
    return coco


def _read_text(path: Path) -> str:
    """Reads a file as mmdet does, which takes nothing but plain UTF-8."""
    content = path.read_bytes()
    if content.startswith(_GZIP):
        raise UserError(f'annotation file {path} is compressed (gzip): unpack it')
    for mark, encoding in _MARKS.items():
        if content.startswith(mark):
            raise UserError(f'annotation file {path} is {encoding}: save it as UTF-8 without byte order mark')
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise UserError(f'annotation file {path} is not UTF-8: {error}') from error
