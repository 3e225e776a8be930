"""Masks of the objects in large pictures, run-length encoded."""

from collections.abc import Iterator, Sequence
from typing import Any, overload

import numpy as np
from pycocotools import mask as coco_mask

Runs = dict[str, Any]  # as pycocotools writes them: size and compressed counts


class RunLengthMasks:
    """Masks of N objects in a picture of H x W pixels, for use like an array [N, H, W] of bool.

    An array of 300 masks of a picture of 4,000 x 4,000 pixels takes 4.8 GB, these take a few bytes for each column
    that an object covers.

    Args:
        runs: Run-length encoded masks, all of one size.
    """

    def __init__(self, runs: Sequence[Runs]) -> None:
        self.runs = list(runs)

    def __len__(self) -> int:
        return len(self.runs)

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self[i] for i in range(len(self)))

    @overload
    def __getitem__(self, chosen: int) -> np.ndarray: ...

    @overload
    def __getitem__(self, chosen: tuple[slice, np.ndarray, np.ndarray]) -> np.ndarray: ...

    @overload
    def __getitem__(self, chosen: np.ndarray) -> 'RunLengthMasks': ...

    def __getitem__(
        self, chosen: int | np.ndarray | tuple[slice, np.ndarray, np.ndarray]
    ) -> 'np.ndarray | RunLengthMasks':
        """Returns one mask [H, W], the masks of some objects, or pixels of masks, as an array would.

        Args:
            chosen: Number of an object; whether to keep each object [N], bool, or numbers of objects; or `:` with
                rows [h, 1] and columns [w].
        """
        if isinstance(chosen, tuple):
            objects, rows, cols = chosen
            sampled = [self[i][rows, cols] for i in range(len(self))[objects]]
            return np.array(sampled, bool).reshape(-1, len(rows), len(cols))
        if isinstance(chosen, np.ndarray):
            return RunLengthMasks([self.runs[i] for i in np.arange(len(self))[chosen]])
        return coco_mask.decode(self.runs[chosen]).astype(bool)


def encode_mask(masks: np.ndarray | RunLengthMasks, i: int) -> Runs:
    """Returns the mask of an object, run-length encoded."""
    if isinstance(masks, RunLengthMasks):
        return masks.runs[i]
    return coco_mask.encode(np.asfortranarray(masks[i], np.uint8))


def encode_part(mask: np.ndarray, corner: tuple[int, int], size: tuple[int, int]) -> Runs:
    """Encodes the mask of a part of a picture as one of the whole, without an array of the size of the picture.

    Args:
        mask: Mask [h, w], bool.
        corner: Row and column of its first pixel in the picture.
        size: Height and width of the picture.
    """
    (top, left), (height, width) = corner, size
    inside = np.pad(mask, ((1, 1), (0, 0))).T
    cols, rows = np.nonzero(inside[:, 1:] != inside[:, :-1])  # where runs start and end, column by column
    places = (left + cols) * height + top + rows
    # A run that reaches the bottom of the picture goes on at the top of the next column.
    goes_on = np.equal(places[1:], places[:-1])
    places = places[~(np.append(goes_on, False) | np.append(False, goes_on))] if len(places) else places
    counts = np.diff(places, prepend=0, append=height * width)
    counts = counts if counts[-1] else counts[:-1]  # as pycocotools, without an empty run at the end
    return coco_mask.frPyObjects(dict(size=[height, width], counts=counts.tolist()), height, width)


def merge_masks(runs: Sequence[Runs]) -> Runs:
    """Returns the union of masks of one size."""
    return runs[0] if len(runs) == 1 else coco_mask.merge(list(runs))
