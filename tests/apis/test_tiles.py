"""Predictions on large pictures, cut into tiles, by models that find exactly what they see."""

import itertools

import cv2
import numpy as np
import pytest
import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

from mmcrossformer.apis import Prediction, Tiling, above, draw_fitted, predict_tiled
from mmcrossformer.apis.masks import RunLengthMasks, encode_mask, encode_part
from mmcrossformer.datasets.scenes import load_digits, render_digit
from mmcrossformer.utils.errors import UserError

SIDE = 4000
LARGE = 1800  # pixels of the height of a digit that no tile shows as a whole
CLASSES = tuple('0123456789')
STEP = 20  # of the grey value from class to class


class Finder:
    """Finds digits, or the parts that it sees, in pictures that are 0 where no digit is."""

    task = 'detection'
    classes = CLASSES

    def __init__(self, size):
        self.size, self.shapes = size, []

    def __call__(self, image, short_side=None):
        self.shapes.append(image.shape[:2])
        # What is small in the whole picture is not found there.
        smallest = 16 if max(image.shape) <= self.size else 100
        found = []
        for value in range(STEP, 11 * STEP, STEP):
            if value not in image[::4, ::4, 0]:
                continue
            _, parts, stats, _ = cv2.connectedComponentsWithStats((image[..., 0] == value).astype(np.uint8))
            for k, (x, y, width, height, area) in enumerate(stats[1:], 1):
                # Not the edges of strokes in a shrunk picture, whose values are between.
                if min(width, height) < smallest or area < width * height / 10:
                    continue
                cut = x == 0 or y == 0 or x + width == image.shape[1] or y + height == image.shape[0]
                # Parts score better than the whole, so that an order by score alone fails.
                found.append((value // STEP - 1, 0.9 if cut else 0.6, (x, y, x + width, y + height), parts == k))
        labels, scores, boxes, masks = zip(*found, strict=True) if found else ((), (), (), ())
        return Prediction(
            'detection',
            image.shape[:2],
            0.5,
            np.array(labels, int),
            np.array(scores, float),
            boxes=np.array(boxes, float).reshape(-1, 4),
            masks=np.array(masks, bool).reshape(-1, *image.shape[:2]),
        )


def draw(picture, digits, label, y, x, height):
    """Draws a digit of one piece; returns its label and box."""
    grids, labels = digits
    for grid in grids[labels == label]:
        ink = (render_digit(grid, height, 0.0, 1.0) > 0.5).astype(np.uint8)
        if cv2.connectedComponents(ink)[0] == 2:
            break
    tall, wide = ink.shape
    picture[y : y + tall, x : x + wide][ink > 0] = STEP * (label + 1)
    return label, (x, y, x + wide, y + tall)


@pytest.fixture(scope='module')
def scene():
    """Digits of 40 to 150 pixels, many at borders of tiles, and one of 1,800, in a picture of 4,000 pixels."""
    picture = np.zeros((SIDE, SIDE), np.uint8)
    rng, digits = np.random.default_rng(0), load_digits('val')
    truth = [draw(picture, digits, 0, 30, 30, LARGE)]
    for y in range(20, SIDE - 180, 430):
        for x in range(20, SIDE - 180, 430):
            if min(y, x) > LARGE or max(y, x) > LARGE + 200:
                truth.append(draw(picture, digits, int(rng.integers(10)), y, x, float(rng.uniform(40, 150))))
    truth.append(draw(picture, digits, 1, 900, 700, 100))  # inside of the large one
    truth.append(draw(picture, digits, 0, 1100, 620, 100))  # and of its class, across a border of tiles
    return np.repeat(picture[..., None], 3, axis=2), truth


@pytest.fixture(scope='module')
def finder():
    return Finder(800)


@pytest.fixture(scope='module')
def found(scene, finder):
    return predict_tiled(finder, scene[0], Tiling(800, 0.2))


def test_tiles_cover_the_picture():
    for size, overlap, height, width in ((160, 0.2, 800, 800), (100, 0.0, 250, 90), (64, 0.5, 65, 1000)):
        tiles = Tiling(size, overlap).cut(height, width)
        seen = np.zeros((height, width), int)
        for tile in tiles:
            part = seen[tile.top : tile.bottom, tile.left : tile.right]
            assert part.shape == (min(size, height), min(size, width))
            part += 1
        assert seen.min() == 1
        lefts = sorted({tile.left for tile in tiles})
        assert all(b - a <= size * (1 - overlap) for a, b in itertools.pairwise(lefts))
    assert Tiling(800).cut(800, 799) == []
    assert len(Tiling(800, 0.2).cut(4000, 4000)) == 36


def test_each_digit_once(scene, found, finder):
    """None missed, none twice, no part of one; the large one from the whole picture."""
    _, truth = scene
    assert finder.shapes[0] == (2048, 2048)
    assert set(finder.shapes[1:]) == {(800, 800)}
    left = sorted(zip(found.labels.tolist(), found.boxes.tolist(), strict=True))
    for label, box in sorted(truth):
        same = [one for one in left if one[0] == label and np.abs(np.subtract(one[1], box)).max() <= 4]
        assert len(same) == 1, (label, box)
        left.remove(same[0])
    assert left == []
    assert found.seconds == 0.5 * len(finder.shapes)
    assert (np.diff(found.scores) <= 0).all()


def test_masks_are_where_the_digits_are(scene, found):
    picture, _ = scene
    assert isinstance(found.masks, RunLengthMasks)
    heights = found.boxes[:, 3] - found.boxes[:, 1]
    for i in {*range(0, len(found.masks), 7), int(heights.argmax())}:  # each has 16 million pixels
        label, (x1, y1, x2, y2) = found.labels[i], found.boxes[i].astype(int)
        mask = found.masks[i]
        assert mask.sum() == mask[y1 : y2 + 1, x1 : x2 + 1].sum()
        if y2 - y1 < 800:  # the large one has been shrunk
            inside = cv2.connectedComponents((picture[y1:y2, x1:x2, 0] == STEP * (label + 1)).astype(np.uint8))[1]
            assert (mask[y1:y2, x1:x2] == (inside == inside[mask[y1:y2, x1:x2]][0])).all()
        else:
            wanted = picture[..., 0] == STEP * (label + 1)
            wanted[1100:1201, 620:720] = mask[1100:1201, 620:720]  # another digit of the class
            wanted[:, LARGE + 200 :], wanted[LARGE + 200 :] = False, False
            assert (mask & wanted).sum() / (mask | wanted).sum() > 0.98


def test_masks_act_like_an_array():
    picture, digits = np.zeros((240, 300), np.uint8), load_digits('val')
    for k, (y, x) in enumerate(itertools.product(range(10, 200, 60), range(10, 250, 60))):
        draw(picture, digits, k % 10, y, x, 36)
    picture = np.repeat(picture[..., None], 3, axis=2)
    found = predict_tiled(Finder(100), picture, Tiling(100))
    some = above(found, 0.7)
    assert 0 < len(some.masks) == (found.scores >= 0.7).sum() < len(found.masks)
    dense = Prediction(**{**vars(some), 'masks': np.array([*some.masks])})
    palette = [(200, 20 * i, 0) for i in range(10)]
    drawn = [draw_fitted(np.zeros_like(picture), one, CLASSES, palette, 200) for one in (some, dense)]
    assert (drawn[0] == drawn[1]).all()
    assert drawn[0].any()
    assert encode_mask(some.masks, 0) == encode_mask(dense.masks, 0)


def test_masks_of_parts_are_encoded_in_the_whole():
    rng = np.random.default_rng(0)
    for top, left, tall, wide in ((0, 0, 7, 9), (2, 3, 4, 5), (0, 4, 7, 3), (6, 8, 1, 1)):
        for mask in (rng.uniform(size=(tall, wide)) < 0.6, np.ones((tall, wide), bool), np.zeros((tall, wide), bool)):
            whole = np.zeros((7, 9), bool)
            whole[top : top + tall, left : left + wide] = mask
            assert encode_part(mask, (top, left), (7, 9)) == encode_mask(whole[None], 0)


class Shown:
    """Finds what is listed for a tile by its number; 0 is the whole picture."""

    task = 'detection'
    classes = CLASSES

    def __init__(self, *objects):
        self.objects, self.calls = objects, -1

    def __call__(self, image, short_side=None):
        self.calls += 1
        mine = sorted((one for one in self.objects if one[0] == self.calls), key=lambda one: -one[2])
        labels, scores = np.array([one[1] for one in mine], int), np.array([one[2] for one in mine], float)
        boxes = np.array([one[3] for one in mine], float).reshape(-1, 4)
        return Prediction('detection', image.shape[:2], 0.0, labels, scores, boxes=boxes)


def merged(*objects):
    """The objects of a picture of 180 x 100 pixels; the second of its two tiles starts at column 80."""
    found = predict_tiled(Shown(*objects), np.zeros((100, 180, 3), np.uint8), Tiling(100, 0.2))
    return [*zip(found.labels.tolist(), found.scores.tolist(), found.boxes.tolist(), strict=True)]


def test_the_whole_replaces_its_part():
    whole = (0, 0.6, [85, 10, 130, 50])
    # Even if the part has the better score, which then is that of the object.
    assert merged((1, 0, 0.9, (85, 10, 100, 50)), (2, 0, 0.6, (5, 10, 50, 50))) == [(0, 0.9, [85, 10, 130, 50])]
    # A stroke of it, which fills only a part of what the tile shows.
    assert merged((1, 0, 0.7, (90, 10, 100, 20)), (2, 0, 0.6, (5, 10, 50, 50))) == [whole]
    # Not of another class, nor for a doubtful whole.
    assert len(merged((1, 1, 0.9, (85, 10, 100, 50)), (2, 0, 0.6, (5, 10, 50, 50)))) == 2
    assert len(merged((1, 0, 0.9, (90, 10, 100, 20)), (2, 0, 0.1, (5, 10, 50, 50)))) == 2


def test_parts_without_a_whole_are_joined():
    assert merged((1, 0, 0.5, (30, 10, 100, 50)), (2, 0, 0.7, (0, 10, 60, 51))) == [(0, 0.7, [30, 10, 140, 51])]
    # Different objects that end at the same border.
    assert len(merged((1, 0, 0.5, (30, 10, 100, 50)), (2, 0, 0.7, (0, 60, 60, 90)))) == 2


def test_objects_in_others_stay():
    inner, outer = (1, 0, 0.5, (20, 20, 40, 40)), (0, 0, 0.9, (0, 0, 180, 100))
    assert len(merged(inner, outer)) == 2
    assert len(merged((1, 0, 0.9, (0, 0, 50, 50)), (1, 0, 0.8, (0, 0, 50, 45)))) == 2  # the model has kept both


def test_nothing_found():
    assert merged() == []


class Segmenter:
    """Gives each pixel the class of its value; knows nothing in the whole picture, or what `whole` says."""

    task = 'segmentation'

    def __init__(self, classes, whole=None, certainty=8.0):
        self.number, self.whole, self.certainty, self.calls = classes, whole, certainty, 0
        self.model = None

    def run_model(self, image, short_side=None):
        self.calls += 1
        values = torch.from_numpy(image[..., 0].astype(np.int64))
        if self.calls == 1:
            logits = torch.zeros(self.number, *values.shape)
            if self.whole is not None:
                logits[self.whole] = 8.0
        elif self.number == 1:
            logits = values[None].float()
        else:
            logits = torch.nn.functional.one_hot(values, self.number).permute(2, 0, 1) * self.certainty
        return SegDataSample(seg_logits=PixelData(data=logits)), values.shape, 0.5


@pytest.mark.parametrize('classes', [5, 1])
def test_segments(classes):
    labels = np.random.default_rng(0).integers(0, max(classes, 2), (300, 410), np.uint8)
    image = np.repeat(labels[..., None], 3, axis=2)
    for overlap in (0.0, 0.2, 0.6):
        model = Segmenter(classes)
        found = predict_tiled(model, image, Tiling(128, overlap))
        assert (found.segments == labels).all()
        assert (found.task, found.input_size, found.seconds) == ('segmentation', (94, 128), 0.5 * model.calls)


def test_the_whole_decides_where_tiles_are_uncertain():
    image = np.ones((200, 300, 3), np.uint8)
    assert (predict_tiled(Segmenter(3, whole=2), image, Tiling(128)).segments == 1).all()
    assert (predict_tiled(Segmenter(3, whole=2, certainty=0.1), image, Tiling(128)).segments == 2).all()


def test_mistakes():
    for size, overlap, message in ((31, 0.2, 'at least 32'), (64, 1.0, 'from 0 to 0.9'), (64, -0.1, 'from 0 to 0.9')):
        with pytest.raises(UserError, match=message):
            Tiling(size, overlap)
    finder = Finder(64)
    finder.task = 'classification'
    with pytest.raises(UserError, match='a classifier gives the whole picture one class'):
        predict_tiled(finder, np.zeros((200, 200, 3), np.uint8), Tiling(64))
    panoptic = Finder(64)
    panoptic.model = type('', (), dict(panoptic_fusion_head=type('', (), dict(test_cfg=None))))
    with pytest.raises(UserError, match='this model is panoptic'):
        predict_tiled(panoptic, np.zeros((200, 200, 3), np.uint8), Tiling(64))
