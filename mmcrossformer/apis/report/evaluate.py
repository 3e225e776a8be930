"""A checkpoint on held-out pictures: the confusion matrix and a score for each picture."""

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
    detection='quality of detection: the IoU of all matches of the right class, summed, over the mean number of '
    'objects and predictions',
    segmentation='mean IoU of the classes that occur in the picture or are predicted there',
    classification='score of the true class',
)


@dataclass
class Evaluation:
    """What was found on held-out pictures.

    Attributes:
        task: What the model does.
        classes: Names of rows and columns of the matrix, rows for the truth.
        palette: Colours of the classes that the model tells apart.
        matrix: Counts of objects, pixels or pictures.
        scores: Score of each picture, by its number in the data set.
        available: Pictures in the data set; of more than allowed, evenly spaced ones were taken.
    """

    task: Task
    classes: tuple[str, ...]
    palette: list[Color]
    matrix: np.ndarray
    available: int
    scores: dict[int, float] = field(default_factory=dict)


def evaluate(predictor: Predictor, dataset: BaseDataset, max_images: int, score_thr: float) -> Evaluation:
    """Predicts on held-out pictures, one by one, in this process.

    Args:
        predictor: The model.
        dataset: The pictures and their truth.
        max_images: How many of them to take at most.
        score_thr: Least score of objects.

    Raises:
        ValueError: Annotations that the model does not predict.
        UserError: A picture that cannot be read.
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
    """Looks at one picture.

    Returns:
        Its pixels, the truth, boxes of ignored objects, and what the model finds.
    """
    info: dict[str, Any] = dataset.get_data_info(index)
    image = read_image(info['img_path'])
    found = predictor(image)
    if found.task != predictor.task:
        raise ValueError('panoptic models are not compared picture by picture')
    truth, ignored = read_truth(info, predictor.task, image.shape[:2])
    return image, truth, ignored, above(found, score_thr) if found.boxes is not None else found


def evenly_spaced(available: int, wanted: int) -> list[int]:
    """Numbers of at most so many pictures, evenly spaced."""
    return [round(place) for place in np.linspace(0, available - 1, min(available, wanted))]
