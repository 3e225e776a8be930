"""Draws truth and prediction of an image side by side."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from PIL import Image, ImageDraw

from mmcrossformer.apis.colors import Color
from mmcrossformer.apis.draw import LONGEST_JPEG, draw_fitted
from mmcrossformer.apis.prediction import Prediction
from mmcrossformer.apis.text import TextWriter
from mmcrossformer.utils.labels import class_labels

_SMALLEST = 400  # long side in pixels, so that labels can be read
_GAP = 4  # pixels
_LETTERS = 1 / 40  # of the width


def draw_pair(
    image: np.ndarray,
    truth: Prediction | None,
    found: Prediction,
    classes: Sequence[str],
    palette: Sequence[Color],
) -> np.ndarray:
    """Draws the truth of an image on the left and a prediction on the right, and a legend below segments.

    Args:
        image: Pixels [H, W, 3], uint8, RGB.
        truth: The truth; None draws the prediction alone.
        found: The prediction; all of its objects are drawn, of classes of the image the best.
        classes: Names of the classes.
        palette: Their colours.

    Returns:
        Pixels [h, w, 3], uint8, RGB; small images are enlarged, those that no JPEG file could have made smaller.
    """
    side = min(max(_SMALLEST, *image.shape[:2]), LONGEST_JPEG // 2 - _GAP)
    parts = [_best(prediction) for prediction in (truth, found) if prediction is not None]
    drawn = [
        draw_fitted(image, prediction, classes, palette, side, scores=prediction is parts[-1]) for prediction in parts
    ]
    gap = np.full((drawn[0].shape[0], _GAP, 3), 255, np.uint8)
    pair = np.concatenate([drawn[0], *(part for right in drawn[1:] for part in (gap, right))], axis=1)
    segments = [prediction.segments for prediction in parts if prediction.segments is not None]
    if not segments:
        return pair
    present = np.unique(np.concatenate([np.unique(part) for part in segments]))
    return np.concatenate(
        [pair, draw_legend(pair.shape[1], present[(present >= 0) & (present < len(palette))], classes, palette)]
    )


def draw_legend(width: int, labels: Sequence[int], classes: Sequence[str], palette: Sequence[Color]) -> np.ndarray:
    """Draws names and colours of classes in lines.

    Args:
        width: Width in pixels.
        labels: Indices of the classes.
        classes: Names of the classes.
        palette: Their colours.

    Returns:
        Pixels [h, width, 3], uint8, RGB; h is what the lines need.
    """
    letters = round(width * _LETTERS)
    writer = TextWriter(ImageDraw.Draw(Image.new('RGB', (1, 1))), letters)
    places = []
    x, y, line = 0, 0, writer.size('x')[1]
    for label, name in zip(labels, class_labels(classes, labels), strict=True):
        text = writer.cut(name, '', width - 2 * line)
        wide = writer.size(text)[0] + 2 * line  # a square of colour, and a space behind the name
        if x and x + wide > width:
            x, y = 0, y + line
        places.append((x, y, label, text))
        x += wide
    picture = Image.new('RGB', (width, y + line), 'white')
    draw = ImageDraw.Draw(picture)
    writer = TextWriter(draw, letters)
    for x, y, label, text in places:
        draw.rectangle((x + 2, y + 2, x + line - 3, y + line - 3), fill=palette[label])
        writer.write((x + line, y), text, 'black')
    return np.asarray(picture)


def _best(prediction: Prediction) -> Prediction:
    """Returns a prediction with the best class only, if it is of a classifier."""
    if prediction.task != 'classification':
        return prediction
    return replace(prediction, labels=prediction.labels[:1], scores=prediction.scores[:1])
