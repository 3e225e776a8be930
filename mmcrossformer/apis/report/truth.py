"""Reads annotations of data sets of the host libraries."""

from typing import Any

import numpy as np
from mmengine.registry import TRANSFORMS, init_default_scope
from pycocotools import mask as coco_mask

from mmcrossformer.apis.prediction import Prediction, Task

_NO_BOXES = np.zeros((0, 4))


def read_truth(info: dict[str, Any], task: Task, size: tuple[int, int]) -> tuple[Prediction, np.ndarray]:
    """Converts the annotations of an image to a prediction.

    Args:
        info: Result of `get_data_info` of the data set.
        task: Kind of annotations to read.
        size: Height and width of the image in pixels.

    Returns:
        The prediction, and boxes of ignored objects [K, 4].

    Raises:
        ValueError: An image with more or fewer classes than one, for a classifier.
    """
    if task == 'classification':
        label = np.asarray(info['gt_label']).reshape(-1)
        if label.size != 1:
            raise ValueError(f'{info["img_path"]} has {label.size} classes: a confusion matrix needs exactly one')
        return Prediction(task, size, 0.0, label, np.ones(1)), _NO_BOXES
    if task == 'segmentation':
        init_default_scope('mmseg')
        load = TRANSFORMS.build(dict(type='LoadAnnotations'))
        segments = load(dict(info, seg_fields=[]))['gt_seg_map']
        return Prediction(task, size, 0.0, segments=segments), _NO_BOXES
    counted = [instance for instance in info['instances'] if not instance.get('ignore_flag')]
    ignored = [instance['bbox'] for instance in info['instances'] if instance.get('ignore_flag')]
    boxes = np.array([instance['bbox'] for instance in counted], float).reshape(-1, 4)
    labels = np.array([instance['bbox_label'] for instance in counted], int)
    masks = None
    if counted and all(instance.get('mask') for instance in counted):
        masks = np.stack([_mask(instance['mask'], size) for instance in counted])
    truth = Prediction(task, size, 0.0, labels, np.ones(len(labels)), boxes=boxes, masks=masks)
    return truth, np.array(ignored, float).reshape(-1, 4)


def _mask(segmentation: list | dict, size: tuple[int, int]) -> np.ndarray:
    """Decodes polygons or run-length encoding to a mask [H, W]."""
    if isinstance(segmentation, list):
        segmentation = coco_mask.merge(coco_mask.frPyObjects(segmentation, *size))
    elif isinstance(segmentation['counts'], list):
        segmentation = coco_mask.frPyObjects(segmentation, *size)
    return coco_mask.decode(segmentation).astype(bool)
