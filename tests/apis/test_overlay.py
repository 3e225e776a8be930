"""Predictions on pictures, drawn and at other sizes."""

import cv2
import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from mmcrossformer.apis.draw import draw_prediction, encode_jpeg, resize_prediction
from mmcrossformer.apis.prediction import Prediction

RED, BLUE = (255, 0, 0), (0, 0, 255)


class Largest(TorchDispatchMode):
    """Bytes of the largest tensor that torch makes."""

    bytes = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        made = func(*args, **(kwargs or {}))
        self.bytes = max(self.bytes, *(leaf.nbytes for leaf in tree_leaves(made) if torch.is_tensor(leaf)), 0)
        return made


def found(masks):
    height, width = masks.shape[1:]
    boxes = np.tile(np.array([0.0, 0, width - 1, height - 1]), (len(masks), 1))
    labels = np.arange(len(masks)) % 2
    return Prediction('detection', (height, width), 0.1, labels, np.full(len(masks), 0.5), boxes=boxes, masks=masks)


def test_pixels_of_two_objects_go_to_the_better():
    masks = np.zeros((2, 60, 90), bool)
    masks[0, :, 20:60], masks[1, :, 40:80] = True, True
    before = masks.copy()
    drawn = draw_prediction(np.zeros((60, 90, 3), np.uint8), found(masks), ('a', 'b'), (RED, BLUE))
    row = drawn[50]  # below the texts
    assert row[30].tolist() == row[50].tolist() == [127, 0, 0]
    assert row[70].tolist() == [0, 0, 127]
    assert row[85].tolist() == [0, 0, 0]
    assert (masks == before).all()


def test_masks_cost_a_byte_a_pixel():
    masks = np.random.default_rng(0).random((40, 60, 90)) < 0.5
    with Largest() as largest:
        draw_prediction(np.zeros((60, 90, 3), np.uint8), found(masks), ('a', 'b'), (RED, BLUE))
    assert largest.bytes <= masks.nbytes


@pytest.mark.parametrize('new_size', [(12, 30), (3, 5), (6, 10)])
def test_other_sizes(new_size):
    masks = np.random.default_rng(0).random((2, 6, 10)) < 0.5
    other = resize_prediction(found(masks), (6, 10), new_size)
    factors = np.array(new_size) / (6, 10)
    rows, cols = (
        np.floor(np.arange(side) / factor).astype(int) for side, factor in zip(new_size, factors, strict=True)
    )
    assert (other.masks == masks[:, rows][:, :, cols]).all()
    np.testing.assert_allclose(other.boxes[0], [0, 0, 9 * factors[1], 5 * factors[0]])
    segments = Prediction('segmentation', (6, 10), 0.1, segments=masks[0].astype(np.int64))
    assert (resize_prediction(segments, (6, 10), new_size).segments == other.masks[0]).all()
    assert resize_prediction(found(masks[:0]), (6, 10), new_size).masks.shape == (0, *new_size)


def test_files_have_the_colours():
    image = np.full((16, 16, 3), (200, 30, 60), np.uint8)
    read = cv2.imdecode(np.frombuffer(encode_jpeg(image, 95), np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    assert np.abs(read.astype(int) - image).max() <= 4
