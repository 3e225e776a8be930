"""A small generated set of objects in COCO's format, and predictions of every kind for it."""

import numpy as np
import torch
from pycocotools import mask as coco_mask

SIZE = 200
# The last class has no objects. Ids are not in order, as in files of users.
CATEGORIES = {7: 'cat', 3: 'dog', 5: 'bird', 9: 'none'}


def make_objects(seed=0, images=12):
    """Returns the annotations as a dict, and results of image, class, score, box [x, y, w, h] and mask."""
    rng = np.random.default_rng(seed)
    annotations, results = [], []
    for image in range(1, images + 1):
        for _ in range(rng.integers(0, 6)):
            category = int(rng.choice([3, 5, 7]))
            box = _box(rng)
            crowd = bool(rng.random() < 0.15)
            annotation = dict(id=len(annotations) + 1, image_id=image, category_id=category, iscrowd=int(crowd))
            segmentation = _mask(box) if crowd else [_corners(box)]
            annotations.append(annotation | dict(bbox=box, area=box[2] * box[3], segmentation=segmentation))
            for _ in range(rng.integers(0, 4)):  # right, moved, of another class, twice
                moved = [max(side + float(rng.normal(0, 0.12)) * box[2 + i % 2], 1.0) for i, side in enumerate(box)]
                other = int(rng.choice([3, 5, 7])) if rng.random() < 0.3 else category
                results.append(_result(image, other, rng, moved))
        results += [_result(image, int(rng.choice([3, 5, 7])), rng, _box(rng)) for _ in range(rng.integers(0, 3))]
    content = dict(
        info={},
        images=[dict(id=i, width=SIZE, height=SIZE, file_name=f'{i}.png') for i in range(1, images + 1)],
        categories=[dict(id=number, name=name) for number, name in CATEGORIES.items()],
        annotations=annotations,
    )
    return content, results


def as_samples(content, results):
    """Yields what mmdet's metric is given: predictions as tensors, by label in the order of the file."""
    labels = {number: label for label, number in enumerate(CATEGORIES)}
    for image in content['images']:
        own = [result for result in results if result['image_id'] == image['id']]
        boxes = torch.tensor([result['bbox'] for result in own], dtype=torch.float32).reshape(-1, 4)
        boxes[:, 2:] += boxes[:, :2]
        found = dict(
            bboxes=boxes,
            scores=torch.tensor([result['score'] for result in own]),
            labels=torch.tensor([labels[result['category_id']] for result in own], dtype=torch.long),
            masks=[dict(result['segmentation']) for result in own],
        )
        yield dict(img_id=image['id'], ori_shape=(SIZE, SIZE), pred_instances=found)


def _result(image, category, rng, box):
    return dict(image_id=image, category_id=category, score=float(rng.random()), bbox=box, segmentation=_mask(box))


def _box(rng):
    width, height = (float(side) for side in rng.uniform(12, 110, 2))
    x, y = (float(rng.uniform(1, SIZE - side)) for side in (width, height))
    return [x, y, width, height]


def _corners(box):
    x, y, width, height = box
    return [x, y, x + width, y, x + width, y + height, x, y + height]


def _mask(box):
    (mask,) = coco_mask.frPyObjects([_corners(box)], SIZE, SIZE)
    return dict(mask, counts=mask['counts'].decode())
