"""Annotations of training samples, as they are drawn."""

from typing import Any

import numpy as np
import torch
from mmengine.structures import BaseDataElement

from mmcrossformer.apis.prediction import Prediction, class_name

_SHOWN = 5  # classes of a picture
_LEAST = 0.005  # smoothed labels are above 0 for every class


def read_annotations(sample: BaseDataElement, size: tuple[int, int]) -> list[Prediction]:
    """Converts what a sample has in its picture to predictions, which can be drawn one upon the other.

    Args:
        sample: A sample of mmdet, mmseg or mmpretrain, as the loss gets it.
        size: Height and width of the picture in pixels.

    Returns:
        Classes of pixels, and objects; both for panoptic detectors, nothing for classifiers.
    """
    found = []
    if 'gt_sem_seg' in sample:
        data = sample.gt_sem_seg.get('data', sample.gt_sem_seg.get('sem_seg'))
        segments = np.asarray(torch.as_tensor(data)).reshape(data.shape[-2:])
        found.append(Prediction('segmentation', size, 0.0, segments=segments))
    if 'gt_instances' in sample:
        objects = sample.gt_instances
        labels = np.asarray(objects.labels)
        boxes = getattr(objects.bboxes, 'tensor', objects.bboxes) if 'bboxes' in objects else np.zeros((0, 4))
        masks = objects.masks.to_ndarray().astype(bool) if 'masks' in objects and len(labels) else None
        shown = Prediction('detection', size, 0.0, labels, np.ones(len(labels)), np.asarray(boxes), masks)
        found.append(shown)
    return found


def describe_classes(sample: BaseDataElement, classes: tuple[str, ...]) -> str:
    """Returns the classes of a whole picture, with their shares where pictures are mixed; empty for other tasks."""
    if 'gt_score' in sample:  # mixed or several
        scores = np.asarray(sample.gt_score)
        best = [label for label in np.argsort(-scores, kind='stable').tolist() if scores[label] > _LEAST]
        return ', '.join(f'{class_name(classes, label)} {scores[label]:.2f}' for label in best[:_SHOWN])
    if 'gt_label' in sample:
        labels: Any = np.atleast_1d(np.asarray(sample.gt_label)).tolist()
        return ', '.join(class_name(classes, label) for label in labels)
    return ''
