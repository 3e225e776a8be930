"""Checks image files."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

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
    exists = dict(zip(sizes, in_threads(is_file, sizes), strict=True))
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
    looks = dict(zip(chosen, in_threads(lambda path: look_at(path, load), chosen), strict=True))
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


def evenly_spaced(items: Sequence[Item], count: int | None) -> Sequence[Item]:
    """Returns at most `count` items, evenly spaced; None for all."""
    if count is None or count >= len(items):
        return items
    return [items[i * len(items) // count] for i in range(count)]


def among(looked_at: int, total: int) -> str:
    """Returns a note on the total for a sample, nothing for all images."""
    return '' if looked_at == total else f' (evenly spaced among {total})'


def is_file(path: Path) -> bool:
    """Whether there is a file; False without permission to look."""
    return os.path.isfile(path)  # Path.is_file raises without permission


def in_threads(function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """Calls a function for each item in threads: parallel requests to a disk are much faster than sequential ones."""
    with ThreadPoolExecutor() as pool:
        return list(pool.map(function, items))
