"""Images above the limit of Pillow, which the training reads with OpenCV."""

import warnings

import cv2
import numpy as np
import pytest
from mmengine.registry import init_default_scope
from PIL import Image

from mmcrossformer.apis.draw import LONGEST_JPEG, draw_fitted, encode_jpeg
from mmcrossformer.apis.pair import draw_pair
from mmcrossformer.apis.prediction import Prediction
from mmcrossformer.apis.predictor import read_image
from mmcrossformer.engine.check.images import check_images
from mmcrossformer.engine.check.picture import build_load
from mmcrossformer.utils.errors import UserError
from mmcrossformer.visual import draw_predictions, save

SIZE = (400, 300)
LIMIT = 10_000  # pixels, in place of 89 million


@pytest.fixture
def large(tmp_path, monkeypatch):
    """An image of twelve times the pixels from which Pillow warns."""
    path = tmp_path / 'large.png'
    pixels = np.random.default_rng(0).integers(0, 255, (*SIZE[::-1], 3), np.uint8)
    cv2.imwrite(str(path), pixels)
    monkeypatch.setattr(Image, 'MAX_IMAGE_PIXELS', LIMIT)
    with pytest.raises(Image.DecompressionBombError):
        Image.open(path)
    return path


def test_they_are_read_and_drawn(large, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        image = read_image(large)
        assert image.shape == (300, 400, 3)
        found = Prediction(
            'detection', (300, 400), 0.0, np.array([0]), np.array([0.5]), boxes=np.array([[0.0, 0, 9, 9]])
        )
        assert draw_fitted(image, found, ['a'], [(255, 0, 0)], 800).shape == (600, 800, 3)
        assert draw_pair(image, found, found, ['a'], [(255, 0, 0)]).shape == (300, 804, 3)
        save(draw_predictions(image, found, ['a']), tmp_path / 'figure.png')
    assert Image.MAX_IMAGE_PIXELS == LIMIT


def test_the_check_reads_them(large):
    init_default_scope('mmdet')
    load = build_load([dict(type='LoadImageFromFile')])
    assert check_images({large: SIZE}, 'a.json', None, load) == []
    (finding,) = check_images({large: (4, 3)}, 'a.json', None, load)
    assert '(400 x 300, not 4 x 3)' in str(finding)


def test_sides_of_jpeg_files():
    image = np.zeros((1, LONGEST_JPEG + 1, 3), np.uint8)
    with pytest.raises(UserError, match='65501 x 1 pixels cannot be a JPEG file: its sides have at most 65500'):
        encode_jpeg(image, 90)
    assert cv2.imdecode(np.frombuffer(encode_jpeg(image[:, 1:], 90), np.uint8), 1).shape == (1, LONGEST_JPEG, 3)
    found = Prediction('classification', image.shape[:2], 0.0, np.array([0]), np.array([0.5]))
    pair = draw_pair(image, found, found, ['a'], [(255, 0, 0)])
    assert encode_jpeg(pair, 90)
