"""Reads files of label maps."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image

from mmcrossformer.utils.errors import UserError

IGNORED = 255
# Pillow's names of formats of pixels with one value each: bits, 8 bits, a palette, and more bits.
_SINGLE = ('1', 'L', 'P', 'I', 'I;16', 'I;16B', 'I;16L')
_CHUNK = 256

Item = TypeVar('Item')
Result = TypeVar('Result')


@dataclass(frozen=True)
class Values:
    """The values in one map, or in several.

    Attributes:
        single: Values of maps with one channel.
        colors: Colours of maps with several channels, `red << 16 | green << 8 | blue`.
    """

    single: frozenset[int] = frozenset()
    colors: frozenset[int] = frozenset()


def read_map(path: Path) -> tuple[np.ndarray, bool]:
    """Reads a map: its values [H, W], and whether these are colours.

    Pixels of a palette are its indices, as mmseg loads them.

    Raises:
        UserError: The file cannot be read, is a JPEG, or has numbers that are no integers.
    """
    try:
        with Image.open(path) as image:
            if image.format == 'JPEG':
                raise UserError(
                    f'label map {path} is a JPEG, whose values near edges are mixtures of labels: write it again from '
                    'the source, as PNG'
                )
            if image.mode in _SINGLE:
                return np.asarray(image).astype(np.int64), False
            if image.mode not in ('RGB', 'RGBA', 'LA'):
                raise UserError(
                    f'label map {path} has pixels of the kind {image.mode}: one channel of 8 bits is needed'
                )
            pixels = np.asarray(image.convert('RGB')).astype(np.int64)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise UserError(f'label map {path} cannot be read: {error}') from error
    return (pixels[..., 0] << 16) | (pixels[..., 1] << 8) | pixels[..., 2], True


def values_of(path: Path) -> Values:
    """Returns the values in a map; see `read_map` for the errors."""
    pixels, are_colors = read_map(path)
    found = frozenset(np.unique(pixels).tolist())
    return Values(colors=found) if are_colors else Values(single=found)


def in_threads(function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """Calls a function for each item in threads, and yields the results in their order; few of them wait at a time."""
    waiting = list(items)
    with ThreadPoolExecutor() as pool:
        for start in range(0, len(waiting), _CHUNK):
            yield from pool.map(function, waiting[start : start + _CHUNK])
