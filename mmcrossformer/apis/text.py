"""Writes text in any script on pictures."""

from PIL import ImageDraw, ImageFont

from mmcrossformer.utils.fonts import Fonts, installed_fonts

_SMALLEST = 9  # pixels


class TextWriter:
    """Writes lines of text, each part in a font that has its characters.

    Args:
        draw: Where to write.
        size: Size of the letters in pixels; smaller ones than can be read are enlarged.
    """

    def __init__(self, draw: ImageDraw.ImageDraw, size: int) -> None:
        self._draw, self._size = draw, max(_SMALLEST, size)
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
