"""Writes label maps for segmenters: paints objects, converts maps whose values are no labels, and links the others."""

import io
import os
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from mmcrossformer.datasets.formats.found import Found, Picture
from mmcrossformer.datasets.formats.map_files import IGNORED, in_threads, read_map
from mmcrossformer.datasets.formats.pictures import loaded_size
from mmcrossformer.utils.errors import UserError
from mmcrossformer.utils.files import write_bytes


def painted_classes(found: Found) -> tuple[str, ...]:
    """Returns the classes of painted objects: the background, which is label 0, and those of the objects."""
    background = 'background' if 'background' not in found.classes else 'unlabelled'
    return background, *found.classes


def map_name(picture: str) -> str:
    """Returns the name of the map of a picture."""
    return f'{picture}.png'


def write_maps(found: Found, root: Path, folder: Path) -> None:
    """Writes a map for every picture, at the place of the picture below `root` with `.png` behind its name.

    A map that is there with equal content is not written again. Maps of label maps whose values are labels are links,
    or copies where the file system has no links.

    Args:
        found: Label maps, or objects with masks, see `paint`.
        root: A folder above all pictures.
        folder: Where to write.

    Raises:
        UserError: A picture or map cannot be read, a mask cannot be decoded, or 8 bits do not hold the classes.
    """
    classes = painted_classes(found) if found.kind == 'objects' else found.classes
    if len(classes) > IGNORED:
        raise UserError(f'{found.folder} has {len(classes)} classes, and label maps hold {IGNORED}, 255 being ignored')
    for _ in in_threads(partial(_write, found, root, folder), [*found.train, *found.val]):
        pass


def paint(picture: Picture) -> np.ndarray:
    """Paints the objects of a picture; returns labels [H, W] uint8.

    Label 0 is the background, and class `i` has the label `i + 1`. Crowds are painted first, with the label that is
    ignored, then objects from the largest to the smallest, so that small ones stay visible; of equal ones, the later in
    the annotation stays visible.

    Raises:
        UserError: The picture cannot be read, or a mask cannot be decoded.
    """
    from pycocotools import mask as coder

    width, height = picture.size or loaded_size(picture.path)
    labels = np.zeros((height, width), np.uint8)
    # Runs are small: masks of hundreds of objects would not be, and are made one by one.
    objects = [(entry, _runs_of(entry, height, width, picture.path)) for entry in picture.annotation]
    # The order of equal ones stays.
    objects.sort(key=lambda pair: (not pair[0].get('iscrowd'), -int(coder.area(pair[1]))))
    for entry, runs in objects:
        labels[coder.decode(runs).astype(bool)] = IGNORED if entry.get('iscrowd') else entry['category'] + 1
    return labels


def _runs_of(entry: Mapping[str, Any], height: int, width: int, path: Path) -> Any:
    """Returns the mask of an object as compressed runs of pycocotools."""
    from pycocotools import mask as coder

    shape: Any = entry['segmentation']
    try:
        if isinstance(shape, Sequence):
            polygons = [polygon for polygon in shape if len(polygon) >= 6]
            empty = np.zeros((height, width), np.uint8, order='F')
            runs = coder.merge(coder.frPyObjects(polygons, height, width)) if polygons else coder.encode(empty)
        else:
            runs = coder.frPyObjects(shape, *shape['size']) if isinstance(shape['counts'], list) else shape
        coder.area(runs)
        size = tuple(runs['size'])
    except Exception as error:  # pycocotools raises errors of many types
        raise UserError(f'a mask of image {path} cannot be decoded: {error}') from error
    if size != (height, width):
        raise UserError(f'a mask of image {path} is {size[1]} x {size[0]}, the image {width} x {height}')
    return runs


def _write(found: Found, root: Path, folder: Path, picture: Picture) -> None:
    place = folder / picture.path.relative_to(root)
    place = place.with_name(map_name(place.name))
    place.parent.mkdir(parents=True, exist_ok=True)
    if found.kind == 'objects':
        _write_png(place, paint(picture))
    elif found.labels:
        _write_png(place, _convert(picture.annotation, found.labels))
    else:
        _link(place, picture.annotation)


def _convert(path: Path, labels: Mapping[int, int]) -> np.ndarray:
    pixels, _ = read_map(path)
    known = np.array(sorted(labels))
    place = np.searchsorted(known, pixels).clip(max=len(known) - 1)
    if (known[place] != pixels).any():
        raise UserError(f'label map {path} changed while it was read: it has other values now')
    return np.array([labels[value] for value in known.tolist()], np.uint8)[place]


def _write_png(place: Path, labels: np.ndarray) -> None:
    buffer = io.BytesIO()
    Image.fromarray(labels).save(buffer, 'PNG')
    content = buffer.getvalue()
    # A link of an earlier run must not be written through: it leads to a file of the user.
    if place.is_symlink() or not place.is_file() or place.read_bytes() != content:
        write_bytes(place, content)


def _link(place: Path, target: Path) -> None:
    if place.is_symlink() and Path(os.readlink(place)) == target:
        return
    with suppress(FileNotFoundError):
        place.unlink()
    try:
        place.symlink_to(target)
    except OSError:  # no links on this file system, or not allowed
        shutil.copyfile(target, place)
