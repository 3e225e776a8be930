"""Cuts large pictures into tiles."""

import math
from dataclasses import dataclass

import cv2
import numpy as np

from mmcrossformer.utils.errors import UserError

OVERLAP = 0.2
_SMALLEST = 32  # pixels of a tile
_MOST_OVERLAP = 0.9  # a hundred times the work


@dataclass(frozen=True)
class Tile:
    """A part of a picture.

    Attributes:
        top: First row.
        left: First column.
        bottom: Row behind the last.
        right: Column behind the last.
    """

    top: int
    left: int
    bottom: int
    right: int

    @property
    def corners(self) -> list[int]:
        """x1, y1, x2, y2 as of boxes."""
        return [self.left, self.top, self.right, self.bottom]

    def of(self, image: np.ndarray) -> np.ndarray:
        """Returns the tile's pixels [h, w, 3] of a picture [H, W, 3]."""
        return image[self.top : self.bottom, self.left : self.right]


@dataclass(frozen=True)
class Tiling:
    """How pictures are cut into tiles.

    Attributes:
        size: Height and width of a tile in pixels of the picture.
        overlap: Part of a tile that its neighbour shows, too, at least.

    Raises:
        UserError: A value is out of range.
    """

    size: int
    overlap: float = OVERLAP

    def __post_init__(self) -> None:
        if self.size < _SMALLEST:
            raise UserError(f'tiles must have at least {_SMALLEST} pixels a side, got {self.size}')
        if not 0 <= self.overlap <= _MOST_OVERLAP:
            raise UserError(f'the overlap of tiles must be from 0 to {_MOST_OVERLAP}, got {self.overlap}')

    def cut(self, height: int, width: int) -> list[Tile]:
        """Returns the tiles of a picture, row by row; none if a single one would be the whole picture.

        All have the full size, except where the picture is smaller: the last of a row or column moves inwards.
        """
        tiles = [
            Tile(top, left, min(top + self.size, height), min(left + self.size, width))
            for top in self._starts(height)
            for left in self._starts(width)
        ]
        return tiles if len(tiles) > 1 else []

    def _starts(self, length: int) -> list[int]:
        step = max(1, math.floor(self.size * (1 - self.overlap)))
        last = max(0, length - self.size)
        return [min(i * step, last) for i in range(math.ceil(last / step) + 1)]


def shrink(image: np.ndarray, long_side: int) -> np.ndarray:
    """Shrinks a picture [H, W, 3] whose long side has more than `long_side` pixels, by means of areas."""
    factor = long_side / max(image.shape[:2])
    if factor >= 1:
        return image
    height, width = (max(1, round(side * factor)) for side in image.shape[:2])
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
