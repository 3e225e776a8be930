"""Matching of objects, and confusion matrices."""

from dataclasses import dataclass

import numpy as np
import torch
from torchvision.ops import box_iou

_HALF = 0.5


@dataclass(frozen=True)
class Matching:
    """Matching of M predictions to the N objects of an image.

    Attributes:
        objects: Index of the matched object for each prediction [M], or -1.
        ious: IoU of each prediction with its object [M], 0 without one.
        counted: Whether each prediction counts [M]: unmatched ones on ignored regions do not.
    """

    objects: np.ndarray
    ious: np.ndarray
    counted: np.ndarray


def match_objects(
    truth: np.ndarray, found: np.ndarray, ignored: np.ndarray | None = None, threshold: float = 0.5
) -> Matching:
    """Matches each prediction to the unmatched object with the highest IoU, best score first, regardless of classes.

    Args:
        truth: Boxes of the objects [N, 4], x1, y1, x2, y2.
        found: Boxes of the predictions [M, 4], sorted by descending score.
        ignored: Boxes of regions where predictions are neither right nor wrong [K, 4], such as crowds.
        threshold: Lowest IoU of a match.
    """
    overlaps = box_iou(_tensor(found), _tensor(truth)).numpy()
    objects, ious = np.full(len(found), -1), np.zeros(len(found))
    for i, row in enumerate(overlaps):
        if row.size and row.max() >= threshold:
            objects[i], ious[i] = row.argmax(), row.max()
            overlaps[:, objects[i]] = -1  # no longer free
    counted = (objects >= 0) | ~_inside(found, ignored)
    return Matching(objects, ious, counted)


def _inside(found: np.ndarray, ignored: np.ndarray | None) -> np.ndarray:
    """Returns which boxes are covered by one of the ignored boxes for at least half of their area."""
    if ignored is None or not len(ignored) or not len(found):
        return np.zeros(len(found), bool)
    corner = np.maximum(found[:, None, :2], ignored[None, :, :2])
    sides = np.clip(np.minimum(found[:, None, 2:], ignored[None, :, 2:]) - corner, 0, None)
    area = np.prod(found[:, 2:] - found[:, :2], axis=1)
    return (sides.prod(axis=2) >= _HALF * area[:, None]).any(axis=1)


def object_matrix(truth: np.ndarray, found: np.ndarray, matching: Matching, classes: int) -> np.ndarray:
    """Computes the confusion matrix of matched objects.

    Args:
        truth: Classes of the objects [N].
        found: Classes of the predictions [M].
        matching: Matching of the predictions to the objects.
        classes: Number of classes.

    Returns:
        Counts [classes + 1, classes + 1], rows for the truth. The last column counts objects without a prediction,
        the last row predictions without an object; all other rows sum to N.
    """
    matrix = np.zeros((classes + 1, classes + 1), np.int64)
    missed = np.ones(len(truth), bool)
    for label, number, counted in zip(found, matching.objects, matching.counted, strict=True):
        if number >= 0:
            missed[number] = False
            matrix[truth[number], label] += 1
        elif counted:
            matrix[classes, label] += 1
    np.add.at(matrix, (truth[missed], classes), 1)
    return matrix


def object_score(truth: np.ndarray, found: np.ndarray, matching: Matching) -> float:
    """Computes the quality of detection in an image, from 0 to 1; see `object_matrix` for the arguments.

    Returns:
        The sum of the IoU of matches of the right class over the mean number of objects and predictions; 1 without
        objects and predictions.
    """
    right = (matching.objects >= 0) & (truth[matching.objects] == found) if len(truth) else np.zeros(len(found), bool)
    number = (len(truth) + int(matching.counted.sum())) / 2
    return float(matching.ious[right].sum() / number) if number else 1.0


def label_matrix(truth: np.ndarray, found: np.ndarray, classes: int) -> np.ndarray:
    """Computes the confusion matrix of labels of pixels or images.

    Args:
        truth: Labels, any shape; those outside of the classes are not counted.
        found: Predicted labels, same shape.
        classes: Number of classes.

    Returns:
        Counts [classes, classes], rows for the truth.

    Raises:
        ValueError: Shapes differ, or a prediction is outside of the classes where the truth is not.
    """
    if truth.shape != found.shape:
        raise ValueError(f'the truth has shape {truth.shape}, the prediction {found.shape}')
    valid = (truth >= 0) & (truth < classes)
    truth, found = truth[valid].astype(np.int64), found[valid].astype(np.int64)
    if found.size and (found.min() < 0 or found.max() >= classes):
        raise ValueError(f'the model predicts class {found.max()}, and there are {classes}')
    return np.bincount(truth * classes + found, minlength=classes**2).reshape(classes, classes)


def mean_iou(matrix: np.ndarray) -> float:
    """Computes the mean IoU of a confusion matrix over the classes that occur or are predicted; 1 if it is empty."""
    hits = np.diag(matrix)
    unions = matrix.sum(axis=0) + matrix.sum(axis=1) - hits
    present = unions > 0
    return float((hits[present] / unions[present]).mean()) if present.any() else 1.0


def _tensor(boxes: np.ndarray) -> torch.Tensor:
    return torch.as_tensor(np.asarray(boxes, np.float64).reshape(-1, 4))
