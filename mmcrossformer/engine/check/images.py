"""Checks image files."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

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
    exists = dict(zip(sizes, in_threads(is_file, sizes), strict=True))
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
    found = dict(zip(chosen, in_threads(decode_size, chosen), strict=True))
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


def evenly_spaced(items: Sequence[Item], count: int | None) -> Sequence[Item]:
    """Returns at most `count` items, evenly spaced; None for all."""
    if count is None or count >= len(items):
        return items
    return [items[i * len(items) // count] for i in range(count)]


def among(looked_at: int, total: int) -> str:
    """Returns a note on the total for a sample, nothing for all images."""
    return '' if looked_at == total else f' (evenly spaced among {total})'


def decode_size(path: Path) -> Size | None:
    """Decodes an image; returns width and height, or None if it is broken."""
    try:
        with Image.open(path) as image:
            image.load()
            return image.size
    except (OSError, SyntaxError, ValueError):  # what Pillow's readers raise
        return None


def is_file(path: Path) -> bool:
    """Whether there is a file; False without permission to look."""
    return os.path.isfile(path)  # Path.is_file raises without permission


def in_threads(function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """Calls a function for each item in threads: parallel requests to a disk are much faster than sequential ones."""
    with ThreadPoolExecutor() as pool:
        return list(pool.map(function, items))
