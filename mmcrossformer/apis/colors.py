"""Colours of classes."""

import colorsys
from typing import Any

Color = tuple[int, int, int]

# Multiples of the golden ratio, modulo 1: neighbours are far apart.
_GOLDEN = 0.618034


def distinct_colors(number: int) -> list[Color]:
    """Returns colours that differ in hue and, between neighbours, in brightness.

    Returns:
        Red, green and blue of each, 0 to 255; the same in every run.
    """
    hues = [(i * _GOLDEN) % 1 for i in range(number)]
    shades = ((0.75, 0.95), (0.55, 0.8), (0.95, 0.7))  # saturation and value
    colors = [colorsys.hsv_to_rgb(hue, *shades[i % len(shades)]) for i, hue in enumerate(hues)]
    return [(round(255 * red), round(255 * green), round(255 * blue)) for red, green, blue in colors]


def get_palette(meta: dict[str, Any], number: int) -> list[Color]:
    """Returns the palette of a data set, or distinct colours if it has none or too few.

    Args:
        meta: `metainfo` of the data set.
        number: Number of classes.
    """
    named = meta.get('palette')
    if not isinstance(named, list | tuple) or len(named) < number:  # mmdet also allows a palette's name
        return distinct_colors(number)
    return [(int(red), int(green), int(blue)) for red, green, blue in named[:number]]
