"""Reads annotation files in COCO format."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mmcrossformer.utils.errors import UserError

Reader = Callable[[Path], dict[str, Any]]

# Keys that mmdet and pycocotools need.
_REQUIRED = dict(
    images=('id', 'file_name', 'width', 'height'),
    annotations=('id', 'image_id', 'category_id', 'bbox', 'area', 'iscrowd'),
    categories=('id', 'name'),
)


def read_coco(path: Path) -> dict[str, Any]:
    """Reads an annotation file.

    Raises:
        UserError: The file cannot be read, is not in COCO format, or has no images or categories.
    """
    try:
        coco = json.loads(path.read_text())
    except OSError as error:
        raise UserError(f'annotation file {path} cannot be read: {error.strerror}') from error
    except ValueError as error:
        raise UserError(f'annotation file {path} is no json: {error}') from error
    for part, keys in _REQUIRED.items():
        if not isinstance(coco, dict) or not isinstance(coco.get(part), list):
            raise UserError(f'annotation file {path} is not in COCO format: it has no list {part!r}')
        for i, entry in enumerate(coco[part]):
            missing = [key for key in keys if key not in entry]
            if missing:
                raise UserError(f'annotation file {path}: {part}[{i}] has no {", ".join(missing)}')
    for part in ('images', 'categories'):
        if not coco[part]:
            raise UserError(f'annotation file {path} has no {part}')
    return coco
