"""Finds the classes of a picture's pixels from its tiles and from the whole."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import grid_sample

from mmcrossformer.apis.prediction import Prediction
from mmcrossformer.apis.tiles.grid import Tile, Tiling, shrink

if TYPE_CHECKING:
    from mmcrossformer.apis.predictor import Predictor

# Weight of the whole picture beside the mean of the tiles. It is as certain of the background, where it shows an object
# too small to see, as a tile is of the object: with the same weight it would erase half of these. Where tiles are
# uncertain, for lack of surroundings, it decides.
_WEIGHT = 0.5
# Of added scores: half of the memory, and its rounding of 0.001 changes no visible border.
_DTYPE = torch.float16
_AT_ONCE = 1 << 24  # scores that are compared at once, as 32-bit numbers: 64 MB


def find_segments(
    predictor: 'Predictor', image: np.ndarray, tiling: Tiling, tiles: Sequence[Tile], short_side: int | None
) -> Prediction:
    """Returns the classes of a picture's pixels; see `predict_tiled`.

    Scores are kept for one row of tiles: the rows of pixels that no further tile shows are decided at once.
    """
    height, width = image.shape[:2]
    # The whole picture costs no more memory than a tile.
    whole, input_size, seconds = _class_scores(predictor, shrink(image, tiling.size), short_side)
    segments = np.zeros((height, width), np.int32)
    first = tiles[0].top  # row of the picture that `sums` starts with
    sums = torch.zeros(len(whole) + 1, tiles[0].bottom, width, dtype=_DTYPE)  # the last counts the tiles
    threshold = _threshold(predictor)
    for tile in tiles:
        ready = tile.top - first
        if ready:
            segments[first : tile.top] = _decide(sums[:, :ready], whole, first, height, threshold)
            rest = sums[:, ready:].clone()
            sums.zero_()[:, : rest.shape[1]] = rest
            first = tile.top
        scores, _, more = _class_scores(predictor, np.ascontiguousarray(tile.of(image)), short_side)
        seconds += more
        sums[:-1, :, tile.left : tile.right] += scores
        sums[-1, :, tile.left : tile.right] += 1
    segments[first:] = _decide(sums, whole, first, height, threshold)
    return Prediction('segmentation', input_size, seconds, segments=segments)


def _class_scores(
    predictor: 'Predictor', image: np.ndarray, short_side: int | None
) -> tuple[Tensor, tuple[int, int], float]:
    """Returns the scores [C, H, W] of the classes in [0, 1], the size of the model's input and the model's seconds."""
    found, size, seconds = predictor.run_model(image, short_side)
    logits = found.seg_logits.data
    # mmseg has applied the sigmoid to the score of a single class.
    scores = logits if len(logits) == 1 else logits.softmax(0)
    return scores.to('cpu', _DTYPE), size, seconds


def _decide(sums: Tensor, whole: Tensor, first: int, height: int, threshold: float) -> np.ndarray:
    """Returns the classes [n, W] of rows of the picture from on `first`.

    Args:
        sums: Sums of the scores of tiles and number of tiles [C + 1, n, W].
        whole: Scores of the whole picture [C, h, w].
        first: First row.
        height: Height of the picture.
        threshold: Score above which a pixel is of the only class.
    """
    number, rows, width = sums.shape
    step = max(1, _AT_ONCE // (number * width))
    whole = whole.float()[None]
    x = (2 * torch.arange(width) + 1) / width - 1
    labels = []
    for start in range(0, rows, step):
        part = sums[:, start : start + step].float()
        y = (2 * torch.arange(first + start, first + start + part.shape[1]) + 1) / height - 1
        grid = torch.stack([x.expand(len(y), -1), y[:, None].expand(-1, width)], -1)[None]
        of_whole = grid_sample(whole, grid, padding_mode='border', align_corners=False)[0]
        scores = (part[:-1] / part[-1] + _WEIGHT * of_whole) / (1 + _WEIGHT)
        labels.append(scores.argmax(0) if len(scores) > 1 else (scores[0] > threshold).long())
    return torch.cat(labels).numpy()


def _threshold(predictor: 'Predictor') -> float:
    """Returns the score of a pixel of the only class that a segmenter has."""
    return float(getattr(getattr(predictor.model, 'decode_head', None), 'threshold', None) or 0.5)
