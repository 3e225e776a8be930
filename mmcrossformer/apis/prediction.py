"""What a model finds on an image."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

Task = Literal['detection', 'segmentation', 'classification']


@dataclass(frozen=True)
class Prediction:
    """What a model finds on an image of H x W pixels.

    Attributes:
        task: What the model does.
        labels: Numbers of classes [N]: of objects or, for a classifier, of all classes; the best first.
        scores: Their scores [N], in [0, 1].
        boxes: Corners x1, y1, x2, y2 of objects [N, 4], in pixels of the image; None for other tasks.
        masks: Masks of objects [N, H, W], bool; None where the model has none.
        segments: Class of each pixel [H, W]; None for other tasks. `len(classes)` and above is none of them.
        input_size: Height and width in pixels at which the model saw the image.
        seconds: How long the model took.
    """

    task: Task
    input_size: tuple[int, int]
    seconds: float
    labels: np.ndarray = field(default_factory=lambda: np.zeros(0, int))
    scores: np.ndarray = field(default_factory=lambda: np.zeros(0))
    boxes: np.ndarray | None = None
    masks: np.ndarray | None = None
    segments: np.ndarray | None = None


def class_name(classes: Sequence[str], label: int) -> str:
    """Name of a class, its number where nothing names it."""
    return classes[label] if label < len(classes) else f'class {label}'


def above(prediction: Prediction, score: float) -> Prediction:
    """The same without objects or classes of lower scores."""
    if prediction.segments is not None:
        return prediction
    kept = prediction.scores >= score
    return replace(
        prediction,
        labels=prediction.labels[kept],
        scores=prediction.scores[kept],
        boxes=None if prediction.boxes is None else prediction.boxes[kept],
        masks=None if prediction.masks is None else prediction.masks[kept],
    )
