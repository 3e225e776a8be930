"""Evaluates a model on held-out images: the confusion matrix and a score for each image."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from mmengine.dataset import BaseDataset

from mmcrossformer.apis.colors import Color
from mmcrossformer.apis.prediction import Prediction, Task, above
from mmcrossformer.apis.predictor import Predictor, read_image
from mmcrossformer.apis.report.confusion import label_matrix, match_objects, mean_iou, object_matrix, object_score
from mmcrossformer.apis.report.truth import read_truth

SCORES: dict[Task, str] = dict(
    detection='quality of detection: the sum of the IoU of matches of the right class over the mean number of '
    'objects and predictions',
    segmentation='mean IoU of the classes that occur in the image or are predicted in it',
    classification='score of the true class',
)


@dataclass
class Evaluation:
    """Result of an evaluation on held-out images.

    Attributes:
        task: Task of the model.
        classes: Names of rows and columns of the matrix, rows for the truth.
        palette: Colours of the classes.
        matrix: Confusion matrix of objects, pixels or images.
        scores: Score of each image, by its index in the data set.
        available: Number of images in the data set; only `scores` of them were evaluated.
    """

    task: Task
    classes: tuple[str, ...]
    palette: list[Color]
    matrix: np.ndarray
    available: int
    scores: dict[int, float] = field(default_factory=dict)


def evaluate(predictor: Predictor, dataset: BaseDataset, max_images: int, score_thr: float) -> Evaluation:
    """Predicts on held-out images, one by one, in this process.

    Args:
        predictor: The model.
        dataset: The images and their annotations.
        max_images: Number of images at most; of more, evenly spaced ones are taken.
        score_thr: Lowest score of objects.

    Raises:
        ValueError: The annotations are of another kind than the predictions.
        UserError: An image cannot be read.
    """
    number = len(predictor.classes)
    objects = predictor.task == 'detection'
    classes = (*predictor.classes, 'background') if objects else predictor.classes
    matrix = np.zeros((len(classes), len(classes)), np.int64)
    evaluation = Evaluation(predictor.task, classes, predictor.palette, matrix, len(dataset))
    for index in evenly_spaced(len(dataset), max_images):
        _, truth, ignored, found = predict_one(predictor, dataset, index, score_thr)
        if objects:
            assert truth.boxes is not None, 'objects have boxes'
            assert found.boxes is not None, 'detectors find boxes'
            matching = match_objects(truth.boxes, found.boxes, ignored)
            evaluation.matrix += object_matrix(truth.labels, found.labels, matching, number)
            score = object_score(truth.labels, found.labels, matching)
        elif found.segments is not None:
            assert truth.segments is not None, 'the truth is of the same task'
            pixels = label_matrix(truth.segments, found.segments, number)
            evaluation.matrix += pixels
            score = mean_iou(pixels)
        else:
            evaluation.matrix += label_matrix(truth.labels, found.labels[:1], number)
            score = float(found.scores[found.labels == truth.labels[0]].sum())
        evaluation.scores[index] = score
    return evaluation


def predict_one(
    predictor: Predictor, dataset: BaseDataset, index: int, score_thr: float
) -> tuple[np.ndarray, Prediction, np.ndarray, Prediction]:
    """Predicts on one image.

    Returns:
        Its pixels, the truth, boxes of ignored objects, and the prediction.
    """
    info: dict[str, Any] = dataset.get_data_info(index)
    image = read_image(info['img_path'])
    found = predictor(image)
    if found.task != predictor.task:
        raise ValueError('panoptic models cannot be evaluated image by image')
    truth, ignored = read_truth(info, predictor.task, image.shape[:2])
    return image, truth, ignored, above(found, score_thr) if found.boxes is not None else found


def evenly_spaced(available: int, wanted: int) -> list[int]:
    """Returns at most `wanted` of the indices below `available`, evenly spaced."""
    return [round(place) for place in np.linspace(0, available - 1, min(available, wanted))]
