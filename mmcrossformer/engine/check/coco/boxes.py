"""Checks whether boxes are x, y, width and height in pixels, as COCO has them."""

from collections.abc import Callable
from typing import Any

import numpy as np

from mmcrossformer.engine.check.coco.file import CocoFile
from mmcrossformer.engine.check.coco.masks import describe_wrong_form, is_polygon
from mmcrossformer.engine.check.finding import Finding, count_bad

# Annotation tools round coordinates to pixels, some up.
_EDGE = 1.0
# A box and the polygon inside may differ by this share of the side, beside two pixels.
_CLOSE = 0.1
_PIXELS = 2.0
# Shares of boxes above which a fault has a system.
_MANY, _MOST, _NEARLY_ALL = 0.2, 0.5, 0.9
_RIGHT = 'COCO has x, y, width, height, in pixels'


def _from_corners(boxes: np.ndarray) -> np.ndarray:
    return np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1)


def _from_centres(boxes: np.ndarray) -> np.ndarray:
    return np.concatenate([boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, 2:]], axis=1)


def _from_rows(boxes: np.ndarray) -> np.ndarray:
    return boxes[:, [1, 0, 3, 2]]


# Other conventions, and how they become x, y, width, height.
_CONVENTIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    'x1, y1, x2, y2': _from_corners,
    'the centre x, y, and width, height': _from_centres,
    'y, x, height, width': _from_rows,
}


def check_boxes(file: CocoFile) -> list[Finding]:
    """Reports boxes that leave their images, or contradict their own segmentation or area."""
    findings = [*_check_inside(file), *_check_outlines(file), *_check_areas(file)]
    # The same fault often shows in several ways; the first tells most.
    systematic = [finding for finding in findings if not finding.warning]
    return [*(systematic[:1] or findings), *_check_repeated(file)]


def _check_repeated(file: CocoFile) -> list[Finding]:
    """Reports objects that are annotated twice, of which no detector can find both."""
    seen, again = set(), []
    for entry in file.objects:
        key = entry['image_id'], entry['category_id'], *entry['bbox']
        if key in seen:
            again.append(entry['id'])
        seen.add(key)
    what = f'annotations of {file.path} repeat image, category and box of another one'
    return count_bad(again, file.total, what, 'Remove them: each counts as an object of its own', warning=True)


def _leaving(boxes: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Which boxes leave their images: [N]."""
    ends = boxes[:, :2] + boxes[:, 2:]
    return ((boxes[:, :2] < -_EDGE) | (ends > sizes + _EDGE)).any(axis=1)


def _touching(boxes: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Which boxes have a part inside of their images: [N]."""
    return ((boxes[:, :2] < sizes) & (boxes[:, :2] + boxes[:, 2:] > 0)).all(axis=1)


def _check_inside(file: CocoFile) -> list[Finding]:
    leaving = _leaving(file.boxes, file.sizes)
    if not leaving.any():
        return []
    positive = (file.boxes[:, 2:] > 0).all(axis=1)
    partly = leaving & positive & _touching(file.boxes, file.sizes)  # the others are dropped, which is told elsewhere
    if not partly.any():
        return []
    meant = _read_as(file) if leaving.sum() > _MANY * len(leaving) else ''
    ids = [entry['id'] for entry, out in zip(file.objects, partly, strict=True) if out]
    return count_bad(
        ids,
        file.total,
        f'annotations of {file.path} have a box that leaves the image',
        f'{meant}{_RIGHT}',
        warning=leaving.sum() <= _MOST * len(leaving),
    )


def _read_as(file: CocoFile) -> str:
    """Returns a sentence on the convention by which all boxes lie inside of their images; empty without any."""
    for name, convert in _CONVENTIONS.items():
        boxes = convert(file.boxes)
        if (boxes[:, 2:] > 0).all() and not _leaving(boxes, file.sizes).any():
            return f'All boxes lie inside if they are read as {name}. '
    return ''


def _check_outlines(file: CocoFile) -> list[Finding]:
    """Compares boxes with the bounding boxes of their polygons."""
    outlines = {
        row: outline for row, entry in enumerate(file.objects) if (outline := _outline(entry, file)) is not None
    }
    if not outlines:
        return []
    rows = list(outlines)
    boxes, expected = file.boxes[rows], np.array(list(outlines.values()), float)
    compared = (boxes[:, 2:] > 0).all(axis=1) & ~_leaving(expected, file.sizes[rows])  # others are told elsewhere
    wrong = compared & ~_close(boxes, expected)
    most = wrong.sum() > _NEARLY_ALL * compared.sum()
    meant = ''
    if most:
        fits = {name: _close(convert(boxes), expected).mean() for name, convert in _CONVENTIONS.items()}
        name = max(fits, key=fits.__getitem__)
        meant = f'They fit if they are read as {name}. ' if fits[name] > _NEARLY_ALL else ''
    ids = [file.objects[row]['id'] for row, bad in zip(rows, wrong, strict=True) if bad]
    what = f'annotations of {file.path} have a box that is not the one around their segmentation'
    return count_bad(ids, file.total, what, f'{meant}{_RIGHT}', warning=not most)


def _outline(entry: dict[str, Any], file: CocoFile) -> tuple[float, ...] | None:
    """Returns x, y, width and height of the polygons of an annotation; None without polygons that mmdet takes."""
    polygons = entry.get('segmentation')
    if not isinstance(polygons, list) or not polygons or entry['iscrowd']:
        return None
    if describe_wrong_form(polygons, file.images[entry['image_id']]) or not all(map(is_polygon, polygons)):
        return None
    xs, ys = ([value for polygon in polygons for value in polygon[first::2]] for first in (0, 1))
    return min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)


def _check_areas(file: CocoFile) -> list[Finding]:
    """Compares boxes with areas, which cannot be larger."""
    areas = np.array([entry['area'] for entry in file.objects], float)
    corners = _from_corners(file.boxes)
    products = np.prod(file.boxes[:, 2:], axis=1)
    larger = (areas > products * (1 + _CLOSE) + _PIXELS) & (products > 0)
    # The area of a box is exact, so that many of another convention are no accident.
    as_corners = (corners[:, 2:] > 0).all(axis=1) & np.isclose(areas, np.prod(corners[:, 2:], axis=1), rtol=0.01)
    exact = np.isclose(areas, products, rtol=0.01)
    of = f'annotations of {file.path}'
    if len(areas) and (as_corners & ~exact).sum() > _NEARLY_ALL * len(areas):
        ids = [entry['id'] for entry, bad in zip(file.objects, as_corners & ~exact, strict=True) if bad]
        return count_bad(ids, file.total, f'{of} have the area of a box x1, y1, x2, y2', _RIGHT)
    ids = [entry['id'] for entry, bad in zip(file.objects, larger, strict=True) if bad]
    advice = 'The evaluation sorts objects into small, medium and large ones by it'
    return count_bad(ids, file.total, f'{of} have an area larger than their box (field area)', advice, warning=True)


def _close(boxes: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Which boxes are about the same: [N]."""
    tolerance = _PIXELS + _CLOSE * np.tile(expected[:, 2:], 2)
    return (np.abs(boxes - expected) <= tolerance).all(axis=1)
