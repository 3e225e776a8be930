"""Objects in the json files of labelme, one beside each picture."""

import base64
import binascii
import io
import json
import math
import os
from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from mmcrossformer.datasets.formats.coco import has_keys
from mmcrossformer.datasets.formats.found import Found, Picture
from mmcrossformer.datasets.formats.pictures import Images, found_objects, loaded_size
from mmcrossformer.datasets.formats.reader import Format, files_below, finite, subset_of_place
from mmcrossformer.utils.errors import UserError

# Labels that labelme's own converters leave out.
_NO_CLASSES = ('__ignore__', '_background_')
_OUTLINES = ('polygon', 'rotation')
_CORNERS_OF_CIRCLE = 64


def _json_files(folder: Path) -> Iterator[Path]:
    files = (path for path in files_below(folder) if path.suffix.lower() == '.json')
    return (path for path in files if has_keys(path, ('shapes', 'imagePath')))


def _looks_like(folder: Path) -> list[str]:
    # The first is enough: with embedded pictures, they are large.
    return [f'{path.relative_to(folder)} and others' for path in islice(_json_files(folder), 1)]


def _read(folder: Path, share: float | None) -> Found:
    images, skipped = Images(folder), Counter[str]()
    subsets: dict[str, list[Picture]] = defaultdict(list)
    for path in _json_files(folder):
        content = _load(path)
        image = _image(path, content, images)
        size = loaded_size(image)
        picture = Picture(image, _objects(path, content, size, skipped), size)
        subsets[subset_of_place(path.parent, folder) or 'train'].append(picture)
    everything = [picture for part in subsets.values() for picture in part]
    objects = [entry for picture in everything for entry in picture.annotation]
    rectangles = [entry.pop('rectangle') for entry in objects].count(True)
    notes = [f'{count} {kind} are left out' for kind, count in sorted(skipped.items())]
    if rectangles == len(objects):
        for entry in objects:
            del entry['segmentation']  # drawn for boxes, not for masks
    elif rectangles:
        notes.append(f'{rectangles} of {len(objects)} objects are rectangles: their masks are rectangles, too')
    classes = tuple(sorted({entry['category'] for entry in objects}))
    for entry in objects:
        entry['category'] = classes.index(entry['category'])
    return found_objects(LABELME.title, folder, classes, subsets, images, notes, share)


def _load(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding='utf-8-sig'))
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f'annotation file {path} cannot be read: {error}') from error
    if not isinstance(content, dict) or not isinstance(content.get('shapes'), list):
        raise UserError(f'annotation file {path} is not of labelme: it has no list of shapes')
    return content


def _image(path: Path, content: dict[str, Any], images: Images) -> Path:
    name = str(content.get('imagePath') or '').replace('\\', '/')
    subset = subset_of_place(path.parent, images.folder)
    place = path.parent / name
    if name and place.is_file():
        return Path(os.path.abspath(place))
    found = images.find(path.stem, path, subset) or images.find(Path(name).name, path, subset)
    if found is None:
        embedded = (
            '. It is embedded in the json, which is not read: write it beside it' if content.get('imageData') else ''
        )
        raise UserError(f'annotation file {path}: the picture {name!r} is not in or below {images.folder}{embedded}')
    return found


def _objects(path: Path, content: dict[str, Any], size: tuple[int, int], skipped: Counter[str]) -> list[dict]:
    """Returns the objects, with the name of the class as `category` and whether it is a `rectangle`."""
    groups: dict[tuple, list[dict]] = defaultdict(list)
    for number, shape in enumerate(content['shapes'], 1):
        try:
            label, kind = str(shape['label']), shape.get('shape_type') or 'polygon'
            points = [(finite(x), finite(y)) for x, y in shape['points']]
            if label in _NO_CLASSES:
                skipped[f'shapes with the label {label}'] += 1
            elif kind in ('point', 'points', 'line', 'linestrip'):
                skipped[f'shapes of the type {kind}'] += 1
            else:
                group = shape.get('group_id')
                groups[label, number if group is None else f'group {group}'].append(_part(kind, points, shape, size))
        except (KeyError, TypeError, ValueError, AttributeError, OSError, binascii.Error) as error:
            raise UserError(f'annotation file {path}: shape {number} cannot be read: {error!r}') from error
    return [_join(path, label, parts) for (label, _), parts in groups.items()]


def _part(kind: str, points: list[tuple[float, float]], shape: dict[str, Any], size: tuple[int, int]) -> dict:
    """Returns the box and the segmentation of one shape."""
    if kind == 'circle':
        (x, y), edge = points
        radius = math.dist((x, y), edge)
        angles = [2 * math.pi * i / _CORNERS_OF_CIRCLE for i in range(_CORNERS_OF_CIRCLE)]
        points = [(x + radius * math.cos(angle), y + radius * math.sin(angle)) for angle in angles]
    elif kind not in ('rectangle', 'mask', *_OUTLINES):
        raise ValueError(f'shape_type is {kind!r}; known are polygon, rectangle, circle and mask')
    xs, ys = zip(*points, strict=True)
    left, top, right, bottom = min(xs), min(ys), max(xs), max(ys)
    segmentation: Any
    if kind == 'mask':
        right, bottom = right + 1, bottom + 1  # its corners are pixels, both inside
        segmentation = _run_lengths(shape['mask'], int(left), int(top), size)
    elif kind == 'rectangle':
        segmentation = [[left, top, right, top, right, bottom, left, bottom]]
    else:
        if len(points) < 3:
            raise ValueError(f'a polygon of {len(points)} points')
        segmentation = [[value for point in points for value in point]]
    return dict(box=(left, top, right, bottom), segmentation=segmentation, rectangle=kind == 'rectangle')


def _join(path: Path, label: str, parts: list[dict]) -> dict:
    """Joins the shapes of one object."""
    corners = np.array([part['box'] for part in parts])
    left, top = corners[:, :2].min(0).tolist()
    right, bottom = corners[:, 2:].max(0).tolist()
    masks = [part for part in parts if isinstance(part['segmentation'], dict)]
    if masks and len(parts) > 1:
        raise UserError(
            f'annotation file {path}: an object {label!r} joins masks by group_id; outlines alone can be joined'
        )
    segmentation = masks[0]['segmentation'] if masks else [part['segmentation'][0] for part in parts]
    return dict(
        bbox=[left, top, right - left, bottom - top],
        category=label,
        segmentation=segmentation,
        rectangle=all(part['rectangle'] for part in parts),
    )


def _run_lengths(encoded: str, left: int, top: int, size: tuple[int, int]) -> dict:
    """Returns the run lengths of COCO, down the columns, of a mask [H, W] at its place in the picture."""
    inside = np.asarray(Image.open(io.BytesIO(base64.b64decode(encoded))).convert('L')) > 0
    width, height = size
    mask = np.zeros((height, width), dtype=bool)
    window = mask[top : top + inside.shape[0], left : left + inside.shape[1]]
    window[:] = inside[: window.shape[0], : window.shape[1]]
    flat = np.concatenate([[False], mask.ravel(order='F')])
    changes = np.flatnonzero(flat[1:] != flat[:-1])
    edges = np.concatenate([[0], changes, [mask.size]])
    return dict(size=[height, width], counts=np.diff(edges).tolist())


LABELME = Format(
    name='labelme',
    title='labelme json',
    looks_for='a json with shapes beside each picture',
    looks_like=_looks_like,
    read=_read,
)
