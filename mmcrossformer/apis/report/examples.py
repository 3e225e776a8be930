"""Example images of the report page."""

import base64
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from mmengine.dataset import BaseDataset

from mmcrossformer.apis.draw import draw_fitted, encode_jpeg
from mmcrossformer.apis.predictor import Predictor
from mmcrossformer.apis.report.evaluate import predict_one
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


def draw_examples(
    predictor: Predictor, dataset: BaseDataset, scores: dict[int, float], indices: Sequence[int], score_thr: float
) -> list[Example]:
    """Draws truth and prediction of images.

    Args:
        predictor: The model.
        dataset: The images and their annotations.
        scores: Score of each image, by its index.
        indices: Indices of the images to draw.
        score_thr: Lowest score of objects.
    """
    paths = [dataset.get_data_info(index)['img_path'] for index in scores]
    names = dict(zip(scores, relative_names(paths), strict=True))
    examples = []
    for index in indices:
        image, truth, _, found = predict_one(predictor, dataset, index, score_thr)
        sides = []
        for side, is_truth in ((truth, True), (found, False)):
            if side.task == 'classification':
                side = replace(side, labels=side.labels[:1], scores=side.scores[:1])
            drawn = draw_fitted(image, side, predictor.classes, predictor.palette, _SIDE, scores=not is_truth)
            sides.append(data_uri(encode_jpeg(drawn, _JPEG_QUALITY)))
        examples.append(Example(names[index], scores[index], *sides))
    return examples


def best_and_worst(scores: dict[int, float], number: int) -> tuple[list[int], list[int]]:
    """Returns indices of `number` images with the highest and with the lowest scores, none in both; NaN is lowest."""
    order = sorted(scores, key=lambda index: (math.isnan(scores[index]), -scores[index], index))
    number = min(number, len(order) // 2)
    return order[:number], order[::-1][:number]


def data_uri(data: bytes, kind: str = 'jpeg') -> str:
    """Returns a data URI of an encoded image."""
    return f'data:image/{kind};base64,{base64.b64encode(data).decode()}'
