"""Evaluates a model on held-out images: the confusion matrix, what each class is worth, and a score for each image."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from mmengine.dataset import BaseDataset

from mmcrossformer.apis.colors import Color
from mmcrossformer.apis.prediction import Prediction, Task, above
from mmcrossformer.apis.predictor import Predictor, read_image
from mmcrossformer.apis.report.average_precision import (
    AveragePrecision,
    as_results,
    evaluate_objects,
    index_results,
    kinds_of,
    read_object_truth,
)
from mmcrossformer.apis.report.confusion import label_matrix, match_objects, mean_iou, object_matrix, object_score
from mmcrossformer.apis.report.errors import error_costs
from mmcrossformer.apis.report.examples import Example, Examples
from mmcrossformer.apis.report.rankings import Ranking, find_best, image_rankings, pool
from mmcrossformer.apis.report.truth import read_truth
from mmcrossformer.apis.thresholds import Thresholds

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
        available: Number of images in the data set; only `scores` of them were evaluated.
        scores: Score of each image, by its index in the data set.
        rankings: Predictions of each class, of detectors (boxes at IoU 0.5) and classifiers.
        precision: Average precision of a detector, for `bbox` and, with masks, `segm`.
        costs: What each kind of error costs, for the same.
        best: Images with the highest scores.
        worst: Images with the lowest scores.
    """

    task: Task
    classes: tuple[str, ...]
    palette: list[Color]
    matrix: np.ndarray
    available: int
    scores: dict[int, float] = field(default_factory=dict)
    rankings: list[Ranking] = field(default_factory=list)
    precision: dict[str, AveragePrecision] = field(default_factory=dict)
    costs: dict[str, dict[str, float]] = field(default_factory=dict)
    best: list[Example] = field(default_factory=list)
    worst: list[Example] = field(default_factory=list)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the classes, without the background of detectors."""
        return self.classes[:-1] if self.task == 'detection' else self.classes

    @property
    def thresholds(self) -> Thresholds | None:
        """The scores of the best F1; None for segmenters."""
        if not self.rankings:
            return None
        found = [find_best(ranking) for ranking in (pool(self.rankings), *self.rankings)]
        overall, *scores = [best.score if best else None for best in found]
        return Thresholds(overall, dict(zip(self.names, scores, strict=True)))


def evaluate(
    predictor: Predictor, dataset: BaseDataset, max_images: int, score_thr: float, pictures: int = 0
) -> Evaluation:
    """Predicts on held-out images in this process, on each once.

    Args:
        predictor: The model.
        dataset: The images and their annotations.
        max_images: Number of images at most; of more, evenly spaced ones are taken.
        score_thr: Lowest score of objects that are drawn and counted in the matrix. Average precision, thresholds and
            costs are those of all predictions.
        pictures: Number of best and of worst images to draw.

    Raises:
        ValueError: The annotations are of another kind than the predictions.
        UserError: An image cannot be read.
    """
    number = len(predictor.classes)
    classes = (*predictor.classes, 'background') if predictor.task == 'detection' else predictor.classes
    matrix = np.zeros((len(classes), len(classes)), np.int64)
    evaluation = Evaluation(predictor.task, classes, predictor.palette, matrix, len(dataset))
    indices = evenly_spaced(len(dataset), max_images)
    objects = _Objects(dataset, predictor.classes, indices) if predictor.task == 'detection' else None
    labels, scores = [], []  # of a classifier
    examples = Examples(predictor, pictures)
    for place, index in enumerate(indices):
        info: dict[str, Any] = dataset.get_data_info(index)
        image = read_image(info['img_path'])
        found = predictor(image)
        if found.task != predictor.task:
            raise ValueError('panoptic models cannot be evaluated image by image')
        truth, ignored = read_truth(info, predictor.task, image.shape[:2])
        if objects:
            objects.add(place, found)
            found = above(found, score_thr)
            pairs, evaluation.scores[index] = _compare_objects(truth, ignored, found, number)
            evaluation.matrix += pairs
        elif found.segments is not None:
            assert truth.segments is not None, 'the truth is of the same task'
            pixels = label_matrix(truth.segments, found.segments, number)
            evaluation.matrix += pixels
            evaluation.scores[index] = mean_iou(pixels)
        else:
            evaluation.matrix += label_matrix(truth.labels, found.labels[:1], number)
            evaluation.scores[index] = float(found.scores[found.labels == truth.labels[0]].sum())
            labels.append(int(truth.labels[0]))
            scores.append(found.scores[np.argsort(found.labels)])
        examples.add(index, evaluation.scores, image, truth, found)
    if objects:
        objects.evaluate(evaluation)
    elif scores:
        evaluation.rankings = image_rankings(np.stack(scores), np.array(labels))
    paths = {index: dataset.get_data_info(index)['img_path'] for index in indices}
    evaluation.best, evaluation.worst = examples.choose(evaluation.scores, paths)
    return evaluation


class _Objects:
    """Truth and predictions of a detector, in COCO's format."""

    def __init__(self, dataset: BaseDataset, classes: Sequence[str], indices: Sequence[int]) -> None:
        self.truth = read_object_truth(dataset, classes, indices)
        self.results: list[dict[str, Any]] = []

    def add(self, place: int, found: Prediction) -> None:
        """Adds the predictions for an image, by its place among those that are evaluated."""
        self.results += as_results(found, self.truth.image_ids[place], self.truth.category_ids)

    def evaluate(self, evaluation: Evaluation) -> None:
        """Computes what the predictions are worth."""
        for kind in kinds_of(self.truth, self.results):
            found = index_results(self.truth, self.results, kind)
            evaluation.precision[kind] = evaluate_objects(self.truth, found, kind)
            evaluation.costs[kind] = error_costs(self.truth, found, kind)
        evaluation.rankings = evaluation.precision['bbox'].rankings


def _compare_objects(
    truth: Prediction, ignored: np.ndarray, found: Prediction, classes: int
) -> tuple[np.ndarray, float]:
    """Returns the confusion matrix and the score of an image."""
    assert truth.boxes is not None, 'objects have boxes'
    assert found.boxes is not None, 'detectors find boxes'
    matching = match_objects(truth.boxes, found.boxes, ignored)
    matrix = object_matrix(truth.labels, found.labels, matching, classes)
    return matrix, object_score(truth.labels, found.labels, matching)


def evenly_spaced(available: int, wanted: int) -> list[int]:
    """Returns at most `wanted` of the indices below `available`, evenly spaced."""
    return [round(place) for place in np.linspace(0, available - 1, min(available, wanted))]
