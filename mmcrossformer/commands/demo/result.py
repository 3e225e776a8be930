"""A prediction as the page stores and shows it."""

from dataclasses import dataclass

import numpy as np

from mmcrossformer import CrossFormer
from mmcrossformer.apis.prediction import Prediction, class_name
from mmcrossformer.apis.predictor import Predictor
from mmcrossformer.commands.demo.images import draw_overlay, rasterize
from mmcrossformer.utils.errors import UserError
from mmcrossformer.visual import Placement, draw_groups, probe


@dataclass(frozen=True)
class Result:
    """A prediction and its image, which can be redrawn at another threshold without running the model.

    Attributes:
        image: Pixels [H, W, 3], uint8, RGB.
        short_side: Short side of the model input in pixels.
        prediction: Prediction of the model.
        predictor: The model.
        changed: Whether the model was loaded again because its files changed.
    """

    image: np.ndarray
    short_side: int
    prediction: Prediction
    predictor: Predictor
    changed: bool = False

    def draw(self, score: float) -> np.ndarray:
        """Draws the predictions with at least this score on the image."""
        return draw_overlay(self.image, self.prediction, self.predictor, score)

    def scores(self) -> dict[str, float]:
        """Returns the scores of the best classes of a classifier; empty for other models."""
        if self.prediction.task != 'classification':
            return {}
        best = zip(self.prediction.labels[:5], self.prediction.scores[:5], strict=True)
        return {class_name(self.predictor.classes, label): float(score) for label, score in best}

    def summary(self, score: float) -> str:
        """Describes the result in one line."""
        height, width = self.prediction.input_size
        seen = f'input of {height} x {width} pixels, {self.prediction.seconds:.2f} s'
        if self.changed:
            seen += '. The files of the model have changed: this is the new model'
        if self.prediction.task != 'detection':
            return seen
        count = int((self.prediction.scores >= score).sum())
        return f'{count} object{"" if count == 1 else "s"} with a score of at least {score:.2f}, {seen}'


def draw_attention(result: Result, pixel: tuple[int, int]) -> np.ndarray:
    """Draws the groups and weights of the tokens under a pixel of the image, stage by stage.

    Raises:
        UserError: The backbone is not a CrossFormer, or the pixel is outside of the model input.
    """
    model = result.predictor.model
    backbone = getattr(model, 'backbone', model)  # classifiers of timm have no separate backbone
    if not isinstance(backbone, CrossFormer):
        raise UserError(f'the backbone of this model is {type(backbone).__name__}: it has no groups')
    batch = result.predictor.prepare(result.image, result.short_side)
    placement = Placement.from_batch(result.image, batch)
    return rasterize(draw_groups(placement, probe(backbone, batch['inputs'], placement.pixel(*pixel))))


def draw_pair(pair: tuple[Result, Result], score: float) -> tuple[np.ndarray, np.ndarray, str]:
    """Draws two results and describes both in one line."""
    first, second = pair
    return (
        first.draw(score),
        second.draw(score),
        f'First: {first.summary(score)}.  \nOther: {second.summary(score)}.',
    )
