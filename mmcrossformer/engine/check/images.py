"""Checks image files and label maps."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image

from mmcrossformer.engine.check.finding import Finding, count_bad

Item = TypeVar('Item')
Result = TypeVar('Result')
Size = tuple[int, int]


@dataclass(frozen=True)
class Limits:
    """How many images of each data set to check, evenly spaced; None for all.

    Attributes:
        present: Number of images whose existence is checked.
        decoded: Number of these that are decoded.
    """

    present: int | None = None
    decoded: int | None = None


def check_images(sizes: Mapping[Path, Size | None], source: str, decode: int | None) -> list[Finding]:
    """Checks that images exist, can be decoded and have the size in the annotations.

    Args:
        sizes: Width and height by path; None if unknown.
        source: Where the images are listed, for the messages.
        decode: Number of images to decode, evenly spaced; None for all.
    """
    exists = dict(zip(sizes, _in_threads(_is_file, sizes), strict=True))
    there, missing = ([path for path in sizes if exists[path] is state] for state in (True, False))
    if not there and missing:
        folder = missing[0].parent
        return [
            Finding(
                f'none of the {len(missing)} images of {source} is in its folder, such as {missing[0]}'
                + ('' if folder.is_dir() else f': there is no folder {folder}')
                + '. Check data_root and data_prefix'
            )
        ]
    chosen = evenly_spaced(there, decode)
    found = dict(zip(chosen, _in_threads(_decode, chosen), strict=True))
    broken = [path for path, size in found.items() if size is None]
    other = [
        f'{path} ({size[0]} x {size[1]}, not {stated[0]} x {stated[1]})'
        for path, size in found.items()
        if size is not None and (stated := sizes[path]) is not None and stated != size
    ]
    looked = f'{"decoded images" if len(chosen) < len(there) else "images"} of {source}'
    return [
        *count_bad(missing, len(sizes), f'images of {source} are missing'),
        *count_bad(broken, len(chosen), f'{looked} cannot be decoded'),
        *count_bad(other, len(chosen), f'{looked} have another width x height than in the annotations'),
    ]


def check_label_maps(
    maps: Mapping[Path, Path], num_classes: int, ignored: int, reduce_zero: bool, source: str, decode: int | None
) -> list[Finding]:
    """Checks the label maps of a segmentation data set.

    Args:
        maps: Label map by image.
        num_classes: Number of classes.
        ignored: Label that losses ignore.
        reduce_zero: Whether label 0 is ignored and label 1 is the first class.
        source: Where the maps are listed, for the messages.
        decode: Number of maps to decode, evenly spaced; None for all.
    """
    exists = dict(zip(maps, _in_threads(_is_file, maps.values()), strict=True))
    missing = [path for image, path in maps.items() if not exists[image]]
    chosen = evenly_spaced([image for image in maps if exists[image]], decode)

    def problem(image: Path) -> str | None:
        try:
            with Image.open(maps[image]) as file:
                labels = np.asarray(file)
        except (OSError, SyntaxError, ValueError):
            return 'cannot be decoded'
        size = _decode(image)
        if size is not None and labels.shape[:2] != size[::-1]:
            return 'has another size than its image'
        values = np.unique(labels) if labels.ndim == 2 else None
        if values is None:
            return 'has colours, not labels'
        values = values[values != ignored] - int(reduce_zero)
        return f'has label {values.max() + reduce_zero}' if values.size and values.max() >= num_classes else None

    problems = dict(zip(chosen, _in_threads(problem, chosen), strict=True))
    bad = [f'{maps[image]} {text}' for image, text in problems.items() if text]
    return [
        *count_bad(missing, len(maps), f'label maps of {source} are missing'),
        *count_bad(bad, len(chosen), f'label maps of {source} do not fit the {num_classes} classes'),
    ]


def evenly_spaced(items: Sequence[Item], count: int | None) -> Sequence[Item]:
    """Returns at most `count` items, evenly spaced; None for all."""
    if count is None or count >= len(items):
        return items
    return [items[i * len(items) // count] for i in range(count)]


def _decode(path: Path) -> Size | None:
    """Decodes an image; returns width and height, or None if it is broken."""
    try:
        with Image.open(path) as image:
            image.load()
            return image.size
    except (OSError, SyntaxError, ValueError):  # what Pillow's readers raise
        return None


def _is_file(path: Path) -> bool:
    return os.path.isfile(path)  # Path.is_file raises without permission


def _in_threads(function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """Calls a function for each item in threads: parallel requests to a disk are much faster than sequential ones."""
    with ThreadPoolExecutor() as pool:
        return list(pool.map(function, items))
