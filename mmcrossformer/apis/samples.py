"""Draws the data samples that models of the host libraries return in a test."""

from typing import Any

import numpy as np
from mmengine.dataset import BaseDataset
from mmengine.fileio import get
from mmengine.structures import BaseDataElement

from mmcrossformer.apis.colors import get_palette
from mmcrossformer.apis.convert import convert_sample
from mmcrossformer.apis.pair import draw_pair
from mmcrossformer.apis.prediction import Prediction, Task, above
from mmcrossformer.apis.predictor import decode_image
from mmcrossformer.apis.report.truth import read_truth


def draw_sample(sample: BaseDataElement, dataset: BaseDataset, index: int, task: Task, score_thr: float) -> np.ndarray:
    """Draws truth and prediction of an image of a data set, see `draw_pair`.

    The prediction is drawn alone if the data set has no annotations, or several classes of an image.

    Args:
        sample: What the model returned for the image.
        dataset: The data set.
        index: Index of the image in it.
        task: Task of the model.
        score_thr: Lowest score of objects.

    Raises:
        UserError: The image cannot be read.
    """
    info: dict[str, Any] = dataset.get_data_info(index)
    image = _read(info, getattr(dataset, 'backend_args', None))
    found = convert_sample(sample, task, image.shape[:2])
    found = above(found, score_thr) if found.boxes is not None else found
    classes = tuple(dataset.metainfo.get('classes') or ())
    palette = get_palette(dataset.metainfo, max(len(classes), int(found.labels.max(initial=-1)) + 1))
    return draw_pair(image, _truth(info, task, found), found, classes, palette)


def _read(info: dict[str, Any], backend_args: dict[str, Any] | None) -> np.ndarray:
    if 'img_path' in info:
        return decode_image(get(info['img_path'], backend_args=backend_args), info['img_path'])
    image = np.asarray(info['img'])  # small data sets of mmpretrain are in memory, some without colours
    return image if image.ndim == 3 else np.stack([image] * 3, axis=-1)


def _truth(info: dict[str, Any], task: Task, found: Prediction) -> Prediction | None:
    if found.task != task:
        return None  # of a panoptic detector
    try:
        return read_truth(info, task, found.input_size)[0]
    except (KeyError, ValueError):
        return None
