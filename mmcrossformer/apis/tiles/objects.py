"""Finds objects in the tiles of a picture and in the whole."""

from collections.abc import Callable, Sequence

import cv2
import numpy as np

from mmcrossformer.apis.masks import RunLengthMasks, Runs, encode_part, merge_masks
from mmcrossformer.apis.prediction import Prediction
from mmcrossformer.apis.tiles.grid import Tile, Tiling, shrink
from mmcrossformer.apis.tiles.merge import Found, merge_objects

# The whole picture shows the large objects. Models return masks at the size of the picture, 16 MB for each object in
# 4,000 x 4,000 pixels, so it is shrunk to this long side, unless tiles or the input of the model are larger.
_LONG_SIDE = 2048

Predict = Callable[[np.ndarray, int | None], Prediction]


def find_objects(
    predict: Predict, image: np.ndarray, tiling: Tiling, tiles: Sequence[Tile], short_side: int | None
) -> Prediction:
    """Returns the objects of a picture; see `predict_tiled`."""
    height, width = image.shape[:2]
    asked = (short_side or 0) * max(height, width) // min(height, width)
    whole = shrink(image, max(_LONG_SIDE, 2 * tiling.size, asked))
    collected = _Collected((height, width))
    collected.add(predict(whole, short_side), (whole.shape[0], whole.shape[1]), Tile(0, 0, height, width))
    for tile in tiles:
        pixels = np.ascontiguousarray(tile.of(image))
        collected.add(predict(pixels, short_side), (pixels.shape[0], pixels.shape[1]), tile)
    return collected.merge()


class _Collected:
    """The objects of all tiles, whose masks are encoded as soon as they are there.

    Args:
        size: Height and width of the picture.
    """

    def __init__(self, size: tuple[int, int]) -> None:
        self.size = size
        self.boxes: list[np.ndarray] = []
        self.masks: list[Runs] = []
        self.parts: list[Prediction] = []  # without their boxes and masks
        self.windows: list[list[int]] = []
        self.has_masks = False

    def add(self, found: Prediction, shown: tuple[int, int], tile: Tile) -> None:
        """Adds what is found in a tile, or in the whole picture, that was shown at a size of its own."""
        assert found.boxes is not None, 'detectors predict boxes'
        height, width = tile.bottom - tile.top, tile.right - tile.left
        factors = np.array([width / shown[1], height / shown[0]] * 2)
        boxes = found.boxes.reshape(-1, 4) * factors + [tile.left, tile.top] * 2
        self.boxes.append(boxes)
        self.windows.append(tile.corners)
        if found.masks is not None:
            self.has_masks = True
            self.masks += [self._encode(mask, tile) for mask in found.masks]
        self.parts.append(
            Prediction(found.task, found.input_size, found.seconds, labels=found.labels, scores=found.scores)
        )

    def merge(self) -> Prediction:
        """Returns the objects of the picture."""
        counts = [len(part.labels) for part in self.parts]
        found = Found(
            np.concatenate(self.boxes),
            np.concatenate([part.scores for part in self.parts]),
            np.concatenate([part.labels for part in self.parts]),
            np.repeat(np.arange(len(counts)), counts),
            np.repeat(np.array(self.windows, float), counts, axis=0),
        )
        merged = merge_objects(found, self.size)
        masks = [merge_masks([self.masks[i] for i in one.members]) for one in merged] if self.has_masks else None
        return Prediction(
            'detection',
            self.parts[0].input_size,
            sum(part.seconds for part in self.parts),
            np.array([one.label for one in merged], int),
            np.array([one.score for one in merged], float),
            boxes=np.array([one.box for one in merged], float).reshape(-1, 4),
            masks=None if masks is None else RunLengthMasks(masks),
        )

    def _encode(self, mask: np.ndarray, tile: Tile) -> Runs:
        rows, cols = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        if not len(rows):
            return encode_part(mask[:1, :1], (0, 0), self.size)
        top, bottom, left, right = rows[0], rows[-1] + 1, cols[0], cols[-1] + 1
        fy, fx = ((tile.bottom - tile.top) / len(mask), (tile.right - tile.left) / mask.shape[1])
        y1, y2, x1, x2 = (round(edge * f) for edge, f in ((top, fy), (bottom, fy), (left, fx), (right, fx)))
        part = mask[top:bottom, left:right]
        if (fy, fx) != (1, 1):
            part = cv2.resize(part.astype(np.uint8) * 255, (x2 - x1, y2 - y1), interpolation=cv2.INTER_LINEAR) > 127
        return encode_part(part, (tile.top + y1, tile.left + x1), self.size)
