"""The fields of COCO's format that the host libraries read."""

import reprlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from mmcrossformer.utils.errors import names

# Coordinates beyond this are no pixels, and ids beyond this no integers of numpy.
_LARGEST_NUMBER = 2**31
_LARGEST_ID = 2**62


def is_number(value: Any, largest: float = _LARGEST_NUMBER) -> bool:
    """Whether a value is a number of limited size: not infinite, not NaN, not true or false."""
    return isinstance(value, int | float) and not isinstance(value, bool) and -largest <= value <= largest


def _is_size(value: Any) -> bool:
    return is_number(value) and value > 0


def _is_text(value: Any) -> bool:
    """Whether a value is a text that file systems and terminals take: no half of a surrogate pair, no zero byte."""
    try:
        return isinstance(value, str) and '\0' not in value and bool(value.encode())
    except UnicodeEncodeError:
        return False


def _is_numeric_id(value: Any) -> bool:
    return is_number(value, _LARGEST_ID)


def _is_id(value: Any) -> bool:
    return _is_numeric_id(value) or _is_text(value)


def _is_box(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 4 and all(map(is_number, value))


def _is_flag(value: Any) -> bool:
    return isinstance(value, int) and value in (0, 1)


class _Field(NamedTuple):
    fits: Callable[[Any], bool]
    allowed: str


_ID = _Field(_is_id, 'a number or a text')
_SIZE = _Field(_is_size, 'a number of pixels above 0')
_TEXT = _Field(_is_text, 'a text')
_FIELDS = dict(
    images=dict(id=_ID, file_name=_TEXT, width=_SIZE, height=_SIZE),
    annotations=dict(
        id=_Field(_is_numeric_id, 'a number, as the evaluation needs'),
        image_id=_ID,
        category_id=_ID,
        bbox=_Field(_is_box, 'the four numbers x, y, width, height'),
        area=_Field(is_number, 'a number'),
        iscrowd=_Field(_is_flag, '0 or 1'),
    ),
    categories=dict(id=_ID, name=_TEXT),
)


def describe_wrong_fields(coco: dict[str, Any]) -> Iterator[str]:
    """Yields a clause for each field that entries lack, or that has another type than mmdet and pycocotools need.

    Args:
        coco: Content of an annotation file, in which `images`, `annotations` and `categories` are lists.
    """
    for part, fields in _FIELDS.items():
        entries = coco[part]
        others = [f'{part}[{i}]' for i, entry in enumerate(entries) if not isinstance(entry, dict)]
        if others:
            yield f'{len(others)} of {len(entries)} {part} are no objects with keys: {names(others)}'
            continue
        incomplete = [i for i, entry in enumerate(entries) if not fields.keys() <= entry.keys()]
        if incomplete:
            missing = ', '.join(key for key in fields if key not in entries[incomplete[0]])
            more = f' ({len(incomplete)} of {len(entries)} {part} lack keys)' if len(incomplete) > 1 else ''
            yield f'{part}[{incomplete[0]}] has no {missing}{more}'
        for key, field in fields.items():
            wrong = [i for i, entry in enumerate(entries) if key in entry and not field.fits(entry[key])]
            if wrong:
                found = [f'{part}[{i}] {_name(entries[i])} has {reprlib.repr(entries[i][key])}' for i in wrong]
                yield f'{key} of {len(wrong)} of {len(entries)} {part} is not {field.allowed}: {names(found)}'


def _name(entry: dict[str, Any]) -> str:
    return f'(id {reprlib.repr(entry["id"])})' if 'id' in entry else '(no id)'
