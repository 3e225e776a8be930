"""Checks the segmentations of an annotation file."""

import math
import reprlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from mmcrossformer.datasets.coco_fields import is_number
from mmcrossformer.engine.check.coco.file import CocoFile
from mmcrossformer.engine.check.finding import Finding, count_bad

# Annotation tools round coordinates of masks to pixels, some up.
_EDGE = 1.0
_RIGHT_FORM = (
    'Right is a list of polygons, [[x1, y1, x2, y2, x3, y3, ...], ...], or run lengths that fill the image, '
    "{'size': [height, width], 'counts': ...}"
)


def check_masks(file: CocoFile, *, polygons_only: bool = False) -> list[Finding]:
    """Checks the segmentations, for jobs that train or evaluate masks.

    Args:
        file: The annotation file.
        polygons_only: Whether the pipeline ignores other masks than polygons (`poly2mask=False`).
    """
    missing, wrong, short, outside, runs = [], [], [], [], []
    for entry in file.objects:
        segmentation, image = entry.get('segmentation'), file.images[entry['image_id']]
        if not segmentation:
            missing.append(entry['id'])
        elif form := describe_wrong_form(segmentation, image):
            wrong.append(f'{entry["id"]} ({form})')
        elif isinstance(segmentation, dict):
            runs.append(entry['id'])
        elif not all(map(is_polygon, segmentation)):
            short.append(entry['id'])
        elif any(_leaves(polygon, image) for polygon in segmentation):
            outside.append(entry['id'])
    of = f'annotations of {file.path}'
    return [
        *count_bad(
            missing,
            file.total,
            f'{of} have no segmentation, and the config uses masks',
            'Use a config that needs only boxes, such as a retinanet_*.py',
        ),
        *count_bad(wrong, file.total, f'{of} have a segmentation of another form', _RIGHT_FORM),
        *count_bad(
            short,
            file.total,
            f'{of} have a polygon of fewer than 3 points, or of half a point',
            'mmdet drops these polygons',
            tolerant=True,
        ),
        *count_bad(outside, file.total, f'{of} have a polygon that leaves the image', tolerant=True),
        *count_bad(
            runs if polygons_only else [],
            file.total,
            f'{of} have run lengths for a segmentation, which the pipeline ignores (poly2mask=False)',
            tolerant=True,
        ),
    ]


def describe_wrong_form(segmentation: Any, image: dict[str, Any]) -> str:
    """Says how a segmentation differs from what mmdet and pycocotools can decode; empty if they can.

    Args:
        segmentation: The value of an annotation.
        image: Image of the annotation, with `width` and `height`.
    """
    if isinstance(segmentation, dict):
        return _describe_wrong_runs(segmentation, image)
    if not isinstance(segmentation, list):
        return reprlib.repr(segmentation)
    if all(map(is_number, segmentation)):
        return 'a flat list of numbers'
    if not all(isinstance(polygon, list) for polygon in segmentation):
        return f'a list of {reprlib.repr(segmentation[0])}'
    if all(map(_are_numbers, segmentation)):
        return 'a list of points' if all(len(polygon) == 2 for polygon in segmentation) else ''
    deepest = next(polygon for polygon in segmentation if not _are_numbers(polygon))
    if all(isinstance(point, list) for point in deepest):
        return 'polygons of points' if all(map(_are_numbers, deepest)) else 'lists nested deeper'
    return f'a polygon of {reprlib.repr(deepest)}'


def is_polygon(values: Sequence[float]) -> bool:
    """Whether x and y in turn are three points or more."""
    return len(values) >= 6 and len(values) % 2 == 0


def _describe_wrong_runs(segmentation: dict[str, Any], image: dict[str, Any]) -> str:
    size, counts = segmentation.get('size'), segmentation.get('counts')
    if size != [image['height'], image['width']] or not all(isinstance(side, int) for side in size):
        return f'run lengths of size {reprlib.repr(size)} in an image of size {[image["height"], image["width"]]}'
    if isinstance(counts, str):
        lengths = _decode_runs(counts)
        if lengths is None:
            return f'compressed counts {reprlib.repr(counts)}, which cannot be decoded'
    elif isinstance(counts, list) and all(isinstance(count, int) and is_number(count) for count in counts):
        lengths = counts
    else:
        return f'counts {reprlib.repr(counts)}'
    if min(lengths, default=0) < 0 or sum(lengths) != math.prod(size):
        return f'run lengths of {sum(lengths)} pixels in an image of {math.prod(size)}'
    return ''


def _decode_runs(counts: str) -> list[int] | None:
    """Decodes compressed run lengths; None if they are invalid, on which pycocotools reads beyond their end.

    A number has 5 bits in each character, the lowest first; bit 6 says that another one follows, the sign is the
    highest of the 5 bits of the last. From the fourth number on, a number is the difference to the one before the last.
    """
    try:
        codes = np.frombuffer(counts.encode('ascii'), np.uint8).astype(np.int64) - ord('0')
    except UnicodeEncodeError:
        return None
    ends = np.flatnonzero(codes < 32)
    if not len(codes) or codes.min() < 0 or codes.max() > 63 or codes[-1] >= 32:
        return None
    starts = np.concatenate([[0], ends[:-1] + 1])
    digits = ends - starts + 1
    if digits.max() > 7:
        return None
    places = np.arange(len(codes)) - np.repeat(starts, digits)
    numbers = np.add.reduceat((codes & 31) << 5 * places, starts)
    numbers -= np.where(codes[ends] & 16, 1 << 5 * digits, 0)
    for first in (1, 2):
        numbers[first::2] = np.cumsum(numbers[first::2])
    return numbers.tolist()


def _are_numbers(values: Any) -> bool:
    """Whether all of many values are numbers; faster than `is_number` for each."""
    if not isinstance(values, list) or not {*map(type, values)} <= {int, float}:
        return False
    return not values or (is_number(min(values)) and is_number(max(values)) and not math.isnan(sum(values)))


def _leaves(polygon: Sequence[float], image: dict[str, Any]) -> bool:
    return any(
        min(values) < -_EDGE or max(values) > image[side] + _EDGE
        for side, values in (('width', polygon[::2]), ('height', polygon[1::2]))
    )
