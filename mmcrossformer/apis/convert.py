"""Converts results of the host libraries to predictions."""

import numpy as np
import torch
from mmengine.structures import BaseDataElement

from mmcrossformer.apis.prediction import Prediction, Task

# Pixels of panoptic maps of mmdet: label + instance * offset.
_INSTANCE_OFFSET = 1000


def convert_sample(found: BaseDataElement, task: Task, input_size: tuple[int, int], seconds: float = 0.0) -> Prediction:
    """Converts the data sample that a model of a host library returns for an image.

    Args:
        found: The data sample.
        task: Task of the model, see `TASKS` of `apis.predictor`.
        input_size: See `Prediction`.
        seconds: See `Prediction`.

    Returns:
        The prediction; of a panoptic detector, its task is segmentation.
    """
    if task == 'classification':
        scores = found.pred_score.cpu().numpy()
        order = np.argsort(-scores, kind='stable')
        return Prediction(task, input_size, seconds, order, scores[order])
    if task == 'segmentation' or 'pred_panoptic_seg' in found:
        panoptic = task == 'detection'
        segments = found.pred_panoptic_seg.sem_seg if panoptic else found.pred_sem_seg.data
        segments = np.asarray(torch.as_tensor(segments).cpu())[0]
        segments = segments % _INSTANCE_OFFSET if panoptic else segments
        return Prediction('segmentation', input_size, seconds, segments=segments)
    objects = found.pred_instances.cpu().numpy()
    objects = objects[np.argsort(-objects.scores, kind='stable')]
    masks = np.asarray(objects.masks, bool) if 'masks' in objects else None
    return Prediction(task, input_size, seconds, objects.labels, objects.scores, boxes=objects.bboxes, masks=masks)
