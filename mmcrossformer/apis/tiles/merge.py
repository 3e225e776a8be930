"""Merges the objects that are found in tiles and in the whole picture.

Where an object is larger than the overlap, a tile may show only a part of it. Suppression by overlap alone either keeps
such fragments or, measured against the smaller box, also removes small objects in front of large ones. So boxes are
compared in the area that both tiles show: a box at an inner border of its tile with that part of the other box which
its tile shows.
"""

from dataclasses import dataclass, field

import numpy as np

# Intersection over union from which on two predictions are of one object.
_SAME = 0.5
# Share of a box at an inner border that a box beyond the border covers, from which on it is a fragment of the latter,
# whose score is at least this share of its own: a doubtful large box does not replace certain small ones.
_COVERED = 0.7
_AS_CERTAIN = 0.5
# How near a box must come to a border to be cut by it: a share of its own side, and pixels.
_NEAR, _NEAR_PIXELS = 0.05, 2.0

_MIXED = -1  # source of boxes from several tiles


@dataclass
class Found:
    """Objects found in tiles of a picture.

    Attributes:
        boxes: Corners x1, y1, x2, y2 [N, 4], in pixels of the picture.
        scores: Scores [N].
        labels: Class indices [N].
        sources: Number of the tile of each object [N], from 0.
        windows: Corners of its tile [N, 4].
    """

    boxes: np.ndarray
    scores: np.ndarray
    labels: np.ndarray
    sources: np.ndarray
    windows: np.ndarray


@dataclass
class Merged:
    """An object of the picture.

    Attributes:
        box: Corners x1, y1, x2, y2 [4].
        score: The best score of its predictions.
        label: Class index.
        members: The predictions of the parts that it consists of, by number; of one, if a tile shows it whole.
    """

    box: np.ndarray
    score: float
    label: int
    members: list[int] = field(default_factory=list)


def merge_objects(found: Found, size: tuple[int, int]) -> list[Merged]:
    """Merges predictions of the same object; the objects of one tile are never merged with each other.

    Whole objects come before those that a border cuts, each by score. A whole one replaces others of its class with
    an intersection over union of 0.5 or more, and its fragments. Parts of an object that no tile shows whole are
    joined.

    Args:
        found: Predictions in all tiles and the whole picture.
        size: Height and width of the picture.

    Returns:
        The objects, best score first.
    """
    merged = []
    for label in np.unique(found.labels):
        merged += _merge_class(found, np.flatnonzero(found.labels == label), size)
    return sorted(merged, key=lambda one: -one.score)


class _Kept:
    """The objects of a class that are kept so far, as arrays for comparison with one more."""

    def __init__(self, capacity: int) -> None:
        self.boxes, self.windows = np.zeros((capacity, 4)), np.zeros((capacity, 4))
        self.scores, self.sources = np.zeros(capacity), np.zeros(capacity, int)
        self.is_cut = np.zeros((capacity, 4), bool)
        self.members: list[list[int]] = []

    def put(self, place: int, one: '_One') -> None:
        if place == len(self.members):
            self.members.append([])
        self.boxes[place], self.windows[place], self.is_cut[place] = one.box, one.window, one.is_cut
        self.scores[place], self.sources[place] = one.score, one.source
        self.members[place] = one.members

    def remove(self, place: int) -> None:
        for values in (self.boxes, self.windows, self.scores, self.sources, self.is_cut):
            values[place : len(self.members) - 1] = values[place + 1 : len(self.members)].copy()
        del self.members[place]

    def find_same(self, one: '_One') -> int | None:
        """Returns the first that is the same object in the area that the tiles of both show."""
        n = len(self.members)
        theirs = _clip(self.boxes[:n], one.window) if one.is_cut.any() else self.boxes[:n]
        is_cut = np.asarray(self.is_cut[:n].any(1, keepdims=True))
        mine = np.where(is_cut, _clip(one.box, self.windows[:n]), one.box)
        common = _areas(_clip(theirs, mine))
        ratios = common / np.maximum(_areas(theirs) + _areas(mine) - common, 1e-9)
        return _first((ratios >= _SAME) & self._others(one))

    def has_whole(self, one: '_One') -> bool:
        """Whether a box that goes on beyond a border which cuts this one covers it."""
        n = len(self.members)
        outwards = np.array([-1, -1, 1, 1])
        beyond = (self.boxes[:n] - one.window) * outwards > 0
        covered = _areas(_clip(self.boxes[:n], one.box)) >= _COVERED * max(float(_areas(one.box)), 1e-9)
        certain = self.scores[:n] >= _AS_CERTAIN * one.score
        beyond_cut = np.asarray(beyond & one.is_cut).any(1)
        return bool((beyond_cut & covered & certain & self._others(one)).any())

    def _others(self, one: '_One') -> np.ndarray:
        return (self.sources[: len(self.members)] != one.source) | (one.source == _MIXED)


@dataclass
class _One:
    box: np.ndarray
    window: np.ndarray
    is_cut: np.ndarray  # [4] bool, by the left, upper, right and lower border
    score: float
    source: int
    members: list[int]


def _merge_class(found: Found, numbers: np.ndarray, size: tuple[int, int]) -> list[Merged]:
    is_cut = _is_cut(found.boxes, found.windows, size)
    kept = _Kept(len(numbers))
    for i in numbers[np.lexsort((-found.scores[numbers], is_cut[numbers].any(1)))]:
        one = _One(found.boxes[i], found.windows[i], is_cut[i], float(found.scores[i]), int(found.sources[i]), [int(i)])
        while (place := kept.find_same(one)) is not None:
            if not (one.is_cut.any() and kept.is_cut[place].any()):
                kept.scores[place] = max(kept.scores[place], one.score)
                break
            one = _join(one, kept, place, size)
            kept.remove(place)
        else:
            if not (one.is_cut.any() and kept.has_whole(one)):
                kept.put(len(kept.members), one)
    label = int(found.labels[numbers[0]])
    return [Merged(kept.boxes[k], float(kept.scores[k]), label, members) for k, members in enumerate(kept.members)]


def _join(one: _One, kept: _Kept, place: int, size: tuple[int, int]) -> _One:
    """Returns two parts of an object as one, seen in a window around both of theirs."""
    box, window = _hull(one.box, kept.boxes[place]), _hull(one.window, kept.windows[place])
    score = max(one.score, float(kept.scores[place]))
    return _One(box, window, _is_cut(box, window, size), score, _MIXED, one.members + kept.members[place])


def _is_cut(boxes: np.ndarray, windows: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Returns for each side of boxes [..., 4] whether it is at a border of its window inside of the picture."""
    height, width = size
    sides = boxes[..., 2:] - boxes[..., :2]
    near = np.concatenate([sides, sides], -1) * _NEAR + _NEAR_PIXELS
    return (np.abs(boxes - windows) <= near) & (windows != np.array([0, 0, width, height]))


def _clip(boxes: np.ndarray, windows: np.ndarray) -> np.ndarray:
    """Returns the parts of boxes inside of windows; sides are negative where they do not meet."""
    low, high = np.maximum(boxes[..., :2], windows[..., :2]), np.minimum(boxes[..., 2:], windows[..., 2:])
    return np.concatenate([low, high], -1)


def _hull(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.concatenate([np.minimum(a[:2], b[:2]), np.maximum(a[2:], b[2:])])


def _areas(boxes: np.ndarray) -> np.ndarray:
    return np.maximum(boxes[..., 2:] - boxes[..., :2], 0).prod(-1)


def _first(chosen: np.ndarray) -> int | None:
    return int(chosen.argmax()) if chosen.any() else None
