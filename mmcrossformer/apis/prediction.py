"""The prediction of a model for an image."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from mmcrossformer.apis.masks import RunLengthMasks

Task = Literal['detection', 'segmentation', 'classification']


@dataclass(frozen=True)
class Prediction:
    """The prediction of a model for an image of H x W pixels.

    Attributes:
        task: Task of the model.
        labels: Class indices [N]: of the objects or, for a classifier, of all classes; highest score first.
        scores: Their scores [N], in [0, 1].
        boxes: Corners x1, y1, x2, y2 of objects [N, 4], in pixels of the image; None for other tasks.
        masks: Masks of objects [N, H, W], bool, of large pictures as `RunLengthMasks`; None where the model has none.
        segments: Class of each pixel [H, W]; None for other tasks. Values of `len(classes)` and above are no class.
        input_size: Height and width of the model input in pixels.
        seconds: Time of the forward pass.
    """

    task: Task
    input_size: tuple[int, int]
    seconds: float
    labels: np.ndarray = field(default_factory=lambda: np.zeros(0, int))
    scores: np.ndarray = field(default_factory=lambda: np.zeros(0))
    boxes: np.ndarray | None = None
    masks: 'np.ndarray | RunLengthMasks | None' = None
    segments: np.ndarray | None = None


def class_name(classes: Sequence[str], label: int) -> str:
    """Returns the name of a class, or `class <label>` if it has none."""
    return classes[label] if label < len(classes) else f'class {label}'


def above(prediction: Prediction, score: float | np.ndarray) -> Prediction:
    """Returns the prediction without objects or classes of low scores; segments stay as they are.

    Args:
        prediction: The prediction.
        score: Lowest score that is kept, or that of each class [classes].
    """
    if prediction.segments is not None:
        return prediction
    kept = prediction.scores >= (score if isinstance(score, float | int) else score[prediction.labels])
    return replace(
        prediction,
        labels=prediction.labels[kept],
        scores=prediction.scores[kept],
        boxes=None if prediction.boxes is None else prediction.boxes[kept],
        masks=None if prediction.masks is None else prediction.masks[kept],
    )
