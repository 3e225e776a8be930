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
from mmcrossformer.engine.check.nearby import describe_nearby
from mmcrossformer.engine.check.picture import Load, Picture, Size, look_at
from mmcrossformer.utils.errors import NAMED

Item = TypeVar('Item')
Result = TypeVar('Result')


@dataclass(frozen=True)
class Limits:
    """How many images of each data set to check, evenly spaced; None for all.

    Attributes:
        present: Number of images whose existence is checked.
        decoded: Number of these that are decoded.
    """

    present: int | None = None
    decoded: int | None = None


def check_images(
    sizes: Mapping[Path, Size | None],
    source: str,
    decode: int | None,
    load: Load | None = None,
    folder: Path | None = None,
) -> list[Finding]:
    """Checks that images exist, can be decoded, have the size in the annotations and keep their values.

    Args:
        sizes: Width and height by path; None if unknown.
        source: Where the images are listed, for the messages.
        decode: Number of images to decode, evenly spaced; None for all.
        load: Loads an image as training does, see `build_load`.
        folder: Folder that names of images are below, if known: missing ones are looked for there.
    """
    exists = dict(zip(sizes, _in_threads(_is_file, sizes), strict=True))
    there, missing = ([path for path in sizes if exists[path] is state] for state in (True, False))
    if not there and missing:
        parent, first = missing[0].parent, _describe_missing(missing[0], folder)
        return [
            Finding(
                f'none of the {len(missing)} images of {source} is in its folder, such as {first}'
                + ('' if parent.is_dir() else f': there is no folder {parent}')
                + '. Check data_root and data_prefix'
            )
        ]
    chosen = evenly_spaced(there, decode)
    looks = dict(zip(chosen, _in_threads(lambda path: look_at(path, load), chosen), strict=True))
    pictures = {path: look for path, look in looks.items() if isinstance(look, Picture)}
    broken = [f'{path} ({look})' for path, look in looks.items() if isinstance(look, str)]
    looked = f'{"decoded images" if len(chosen) < len(there) else "images"} of {source}'
    return [
        *count_bad(
            [_describe_missing(path, folder) if i < NAMED else path for i, path in enumerate(missing)],
            len(sizes),
            f'images of {source} are missing',
        ),
        *count_bad(broken, len(chosen), f'{looked} cannot be decoded'),
        *_check_sizes(pictures, sizes, len(chosen), looked),
        *_check_values(pictures, len(chosen), looked),
    ]


def _check_sizes(
    pictures: Mapping[Path, Picture], sizes: Mapping[Path, Size | None], total: int, looked: str
) -> list[Finding]:
    """Compares sizes as loaded with those in the annotations."""
    turned, other, unclear = [], [], []
    for path, picture in pictures.items():
        stated, (width, height) = sizes[path], picture.loaded
        if stated is None:
            continue
        if stated == picture.loaded:
            if picture.unclear:
                unclear.append(path)
        elif picture.turned and stated == picture.stored:
            turned.append(f'{path} (turned by its EXIF orientation: {width} x {height}, not {stated[0]} x {stated[1]})')
        else:
            other.append(f'{path} ({width} x {height}, not {stated[0]} x {stated[1]})')
    return [
        *count_bad(other, total, f'{looked} have another width x height than in the annotations'),
        *count_bad(
            turned,
            total,
            f'{looked} are turned when they are loaded, and annotated as they are stored',
            'Turn the annotations, or store the images turned (Pillow: ImageOps.exif_transpose), or set '
            "color_type='color_ignore_orientation' in LoadImageFromFile",
        ),
        *count_bad(
            unclear,
            total,
            f'{looked} are turned or mirrored by their EXIF orientation when they are loaded, with the same size',
            'Make sure that they were annotated like this, as viewers show them',
            warning=True,
        ),
    ]


def _check_values(pictures: Mapping[Path, Picture], total: int, looked: str) -> list[Finding]:
    """Reports what the values of images lose when they are loaded."""
    flat = [f'{path} ({", ".join(picture.losses)})' for path, picture in pictures.items() if picture.flat]
    lossy = [
        f'{path} ({", ".join(picture.losses)})'
        for path, picture in pictures.items()
        if picture.losses and not picture.flat
    ]
    return [
        *count_bad(flat, total, f'{looked} are black and white once they are loaded', 'Convert them to 8 bits'),
        *count_bad(lossy, total, f'{looked} lose something when they are loaded', warning=True),
    ]


def _describe_missing(path: Path, folder: Path | None) -> str:
    """Returns the path of a missing file, and which file is there in its place."""
    near = describe_nearby(path, folder)
    return f'{path}{near and f" ({near})"}'


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
    picture = look_at(path)
    return picture.stored if isinstance(picture, Picture) else None


def _is_file(path: Path) -> bool:
    return os.path.isfile(path)  # Path.is_file raises without permission


def _in_threads(function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """Calls a function for each item in threads: parallel requests to a disk are much faster than sequential ones."""
    with ThreadPoolExecutor() as pool:
        return list(pool.map(function, items))
