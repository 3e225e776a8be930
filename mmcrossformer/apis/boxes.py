"""Draws boxes with labels in any script."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from mmcrossformer.apis.colors import Color
from mmcrossformer.apis.text import TextWriter

# Lines and letters grow with the short side of the image.
_LINE = 1 / 300
_LETTERS = 1 / 28
_DARK = 140  # up to this brightness of the background, letters are white


def draw_boxes(
    image: np.ndarray, boxes: np.ndarray, names: Sequence[str], values: Sequence[str], colors: Sequence[Color]
) -> np.ndarray:
    """Draws boxes with labels in their upper left corners; the first box is on top.

    Args:
        image: Pixels [H, W, 3], uint8, RGB.
        boxes: Corners x1, y1, x2, y2 [N, 4], in pixels; parts outside of the image are moved to its edge.
        names: First parts of the labels, which are cut where a label is wider than the image.
        values: Second parts, which are kept.
        colors: Colour of each box.

    Returns:
        A new image.
    """
    picture = Image.fromarray(image)
    draw = ImageDraw.Draw(picture)
    line = max(1, round(min(picture.size) * _LINE))
    writer = TextWriter(draw, round(min(picture.size) * _LETTERS))
    corners = np.nan_to_num(boxes).clip(0, [picture.width - 1, picture.height - 1] * 2).astype(int).tolist()
    for (x1, y1, x2, y2), name, value, color in reversed([*zip(corners, names, values, colors, strict=True)]):
        draw.rectangle((min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2)), outline=color, width=line)
        text = writer.cut(name, value, picture.width)
        width, height = writer.size(text)
        left = max(0, min(x1 + line, picture.width - width))
        top = max(0, min(y1 + line, picture.height - height))
        draw.rectangle((left, top, left + width - 1, top + height - 1), fill=color)
        writer.write((left, top), text, 'white' if np.dot(color, (0.299, 0.587, 0.114)) < _DARK else 'black')
    return np.asarray(picture).copy()
