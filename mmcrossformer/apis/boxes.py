"""Draws boxes with labels in any script."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from mmcrossformer.apis.colors import Color
from mmcrossformer.utils.fonts import Fonts, installed_fonts

# Lines and letters grow with the short side of the image.
_LINE = 1 / 300
_LETTERS = 1 / 28
_SMALLEST = 9  # pixels of letters
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
    writer = _Writer(draw, max(_SMALLEST, round(min(picture.size) * _LETTERS)))
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


class _Writer:
    """Writes lines of text, each part in a font that has its characters.

    Args:
        draw: Where to write.
        size: Height of the letters in pixels.
    """

    def __init__(self, draw: ImageDraw.ImageDraw, size: int) -> None:
        self._draw, self._size = draw, size
        self._fonts: Fonts = installed_fonts()
        self._loaded: dict[str, ImageFont.FreeTypeFont] = {}

    def cut(self, name: str, value: str, width: int) -> str:
        """Joins name and value, and cuts the name so that the line is not wider than `width` pixels."""
        text, kept = f'{name} {value}'.strip(), len(name)
        while kept > 1 and self.size(text)[0] > width:
            kept -= 1
            text = f'{name[:kept]}… {value}'.strip()
        return text

    def size(self, text: str) -> tuple[int, int]:
        """Returns width and height of a line, with a margin of one pixel."""
        parts = self._parts(text)
        ascent, descent = self._extent(parts)
        return 2 + round(sum(font.getlength(part) for part, font in parts)), 2 + ascent + descent

    def write(self, corner: tuple[int, int], text: str, color: str) -> None:
        """Writes a line whose upper left corner, margin included, is at `corner`."""
        parts = self._parts(text)
        x, y = corner[0] + 1.0, corner[1] + 1 + self._extent(parts)[0]
        for part, font in parts:
            self._draw.text((x, y), part, fill=color, font=font, anchor='ls')  # on one base line
            x += font.getlength(part)

    def _parts(self, text: str) -> list[tuple[str, ImageFont.FreeTypeFont]]:
        return [(part, self._load(file)) for part, file in self._fonts.split(text)]

    def _load(self, file: str) -> ImageFont.FreeTypeFont:
        if file not in self._loaded:
            self._loaded[file] = ImageFont.truetype(file, self._size)
        return self._loaded[file]

    @staticmethod
    def _extent(parts: list[tuple[str, ImageFont.FreeTypeFont]]) -> tuple[int, int]:
        """Returns how far the letters of a line reach above and below its base line."""
        metrics = [font.getmetrics() for _, font in parts] or [(0, 0)]
        return max(ascent for ascent, _ in metrics), max(descent for _, descent in metrics)
