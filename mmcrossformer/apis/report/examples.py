"""Example images of the report page."""

import base64
import math
from dataclasses import dataclass, replace

import numpy as np

from mmcrossformer.apis.draw import draw_fitted, encode_jpeg
from mmcrossformer.apis.prediction import Prediction
from mmcrossformer.apis.predictor import Predictor
from mmcrossformer.utils.names import relative_names

_SIDE = 400  # long side in pixels
_JPEG_QUALITY = 85


@dataclass(frozen=True)
class Example:
    """A held-out image.

    Attributes:
        name: Path of the file below the deepest folder of all evaluated images.
        score: Score of the prediction.
        truth: The image with its truth drawn, as a data URI.
        found: The image with the prediction drawn, as a data URI.
    """

    name: str
    score: float
    truth: str
    found: str


class Examples:
    """Draws the best and worst images while a model is evaluated, so that neither pixels nor masks of all are kept.

    Args:
        predictor: The model.
        number: Number of best and of worst images.
    """

    def __init__(self, predictor: Predictor, number: int) -> None:
        self._predictor, self._number = predictor, number
        self._drawn: dict[int, tuple[str, str]] = {}

    def add(
        self, index: int, scores: dict[int, float], image: np.ndarray, truth: Prediction, found: Prediction
    ) -> None:
        """Draws truth and prediction if the image is among the best or worst so far.

        Args:
            index: Index of the image in the data set.
            scores: Score of each image so far, this one included.
            image: Pixels [H, W, 3], uint8, RGB.
            truth: The truth.
            found: The prediction.
        """
        order = _by_score(scores)
        candidates = {*order[: self._number], *order[len(order) - min(self._number, len(order)) :]}
        if index in candidates:
            self._drawn[index] = self._draw(image, truth, True), self._draw(image, found, False)
        self._drawn = {kept: drawn for kept, drawn in self._drawn.items() if kept in candidates}

    def choose(self, scores: dict[int, float], paths: dict[int, str]) -> tuple[list[Example], list[Example]]:
        """Returns the best and the worst images.

        Args:
            scores: Score of each image, by its index.
            paths: File of each image, by its index.
        """
        names = dict(zip(paths, relative_names(list(paths.values())), strict=True))
        best, worst = (
            [Example(names[index], scores[index], *self._drawn[index]) for index in indices]
            for indices in best_and_worst(scores, self._number)
        )
        return best, worst

    def _draw(self, image: np.ndarray, side: Prediction, is_truth: bool) -> str:
        if side.task == 'classification':
            side = replace(side, labels=side.labels[:1], scores=side.scores[:1])
        classes, palette = self._predictor.classes, self._predictor.palette
        return data_uri(
            encode_jpeg(draw_fitted(image, side, classes, palette, _SIDE, scores=not is_truth), _JPEG_QUALITY)
        )


def best_and_worst(scores: dict[int, float], number: int) -> tuple[list[int], list[int]]:
    """Returns indices of `number` images with the highest and with the lowest scores, none in both; NaN is lowest."""
    order = _by_score(scores)
    number = min(number, len(order) // 2)
    return order[:number], order[::-1][:number]


def _by_score(scores: dict[int, float]) -> list[int]:
    return sorted(scores, key=lambda index: (math.isnan(scores[index]), -scores[index], index))


def data_uri(data: bytes, kind: str = 'jpeg') -> str:
    """Returns a data URI of an encoded image."""
    return f'data:image/{kind};base64,{base64.b64encode(data).decode()}'
