"""Predictions on large pictures, cut into tiles, with models that find exactly what they see."""

import tracemalloc

import numpy as np
import pytest
import torch
from mmengine.structures import BaseDataElement, PixelData
from pycocotools import mask as coco_mask

from mmcrossformer.apis import Prediction, Tiling, above, draw_fitted, predict_tiled
from mmcrossformer.apis.masks import RunLengthMasks, encode_mask, encode_part
from mmcrossformer.datasets.scenes import load_digits, render_digit
from mmcrossformer.utils.errors import UserError

SIDE = 4000
SMALLEST = 16  # pixels of the height of a part of a digit that the models find
BOX = 4  # digits of the classes 0 to 9 are drawn with the value 20 * (class + 1)


class Finder:
    """A detector of digits, of which each is drawn in a grey value of its class; they must not touch."""

    task = 'detection'
    classes = tuple('0123456789')

    def __init__(self, with_masks=True):
        self.with_masks, self.sizes = with_masks, []

    def __call__(self, image, short_side=None):
        import cv2

        self.sizes.append(image.shape[:2])
        labels, scores, boxes, masks = [], [], [], []
        for label in range(10):
            seen = np.abs(image[..., 0].astype(int) - 20 * (label + 1)) < 3
            _, parts, stats, _ = cv2.connectedComponentsWithStats(seen.astype(np.uint8))
            for k, (x, y, w, h, _) in enumerate(stats[1:], 1):
                if min(w, h) < SMALLEST:
                    continue
                labels.append(label)
                boxes.append([x, y, x + w, y + h])
                # Parts of digits at borders score better than the whole: the order must not matter.
                scores.append(0.9 if x == 0 or y == 0 or (image.shape[:2] == (y + h, x + w)) else 0.5 + label / 100)
                masks.append(parts == k)
        masks = np.array(masks, bool).reshape(-1, *image.shape[:2])
        return Prediction(
            'detection',
            image.shape[:2],
            0.5,
            np.array(labels, int),
            np.array(scores),
            boxes=np.array(boxes, float).reshape(-1, 4),
            masks=masks if self.with_masks else None,
        )


@pytest.fixture(scope='module')
def scene():
    """A scene of 4,000 pixels: digits of 60 pixels in rows, many of them cut by tiles, and one of 1,800 pixels."""
    grids, labels = load_digits('val')
    one_stroke = {0, 2, 3, 6, 9}  # others may fall into parts where a tile cuts them
    picks = [i for i, label in enumerate(labels) if label in one_stroke][:400]
    map_ = np.zeros((SIDE, SIDE), np.uint8)
    rng = np.random.default_rng(0)
    truth, large = [], None
    for top in range(20, SIDE - 100, 90):
        for left in range(20, SIDE - 100, 90):
            if top < 2000 and left < 2000 or rng.uniform() < 0.6:
                continue  # room for the large one
            pick = picks[rng.integers(len(picks))]
            ink = render_digit(grids[pick], float(rng.uniform(40, 70)), 0.0, 1.0) > 0.5
            y, x = top + int(rng.integers(10)), left + int(rng.integers(10))
            map_[y : y + ink.shape[0], x : x + ink.shape[1]][ink] = 20 * (labels[pick] + 1)
            truth.append((int(labels[pick]), (x, y, x + ink.shape[1], y + ink.shape[0])))
    del large
    return np.repeat(map_[..., None], 3, axis=2), truth
