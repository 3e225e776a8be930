"""What the page keeps of a prediction, and what it shows of it."""

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
    """What the page keeps of a prediction, so that another threshold needs no model.

    Attributes:
        image: Pixels [H, W, 3], uint8, RGB.
        short_side: Pixels of the short side that the model saw.
        prediction: What it found.
        predictor: The model.
        changed: Whether the files of the model were written anew since it was loaded before, so that it is another one.
    """

    image: np.ndarray
    short_side: int
    prediction: Prediction
    predictor: Predictor
    changed: bool = False

    def picture(self, score: float) -> np.ndarray:
        """The image with what has at least this score."""
        return draw_overlay(self.image, self.prediction, self.predictor, score)

    def scores(self) -> dict[str, float]:
        """Scores of the best classes of a classifier; empty for others."""
        if self.prediction.task != 'classification':
            return {}
        best = zip(self.prediction.labels[:5], self.prediction.scores[:5], strict=True)
        return {class_name(self.predictor.classes, label): float(score) for label, score in best}

    def summary(self, score: float) -> str:
        """One line about it."""
        height, width = self.prediction.input_size
        seen = f'seen at {height} x {width} pixels, {self.prediction.seconds:.2f} s'
        if self.changed:
            seen += '. The files of the model have changed since: this is the new one'
        if self.prediction.task != 'detection':
            return seen
        count = int((self.prediction.scores >= score).sum())
        return f'{count} object{"" if count == 1 else "s"} with a score of at least {score:.2f}, {seen}'


def draw_attention(result: Result, pixel: tuple[int, int]) -> np.ndarray:
    """Draws the groups and weights of the tokens under a pixel of the image, stage by stage.

    Raises:
        UserError: The backbone is no CrossFormer, or does not see the pixel.
    """
    model = result.predictor.model
    backbone = getattr(model, 'backbone', model)  # classifiers of timm are one whole
    if not isinstance(backbone, CrossFormer):
        raise UserError(f'the backbone of this model is {type(backbone).__name__}: it has no groups')
    batch = result.predictor.prepare(result.image, result.short_side)
    placement = Placement.from_batch(result.image, batch)
    return rasterize(draw_groups(placement, probe(backbone, batch['inputs'], placement.pixel(*pixel))))


def draw_pair(pair: tuple[Result, Result], score: float) -> tuple[np.ndarray, np.ndarray, str]:
    """Draws two results, and a line about both."""
    first, second = pair
    return (
        first.picture(score),
        second.picture(score),
        f'First: {first.summary(score)}.  \nOther: {second.summary(score)}.',
    )
