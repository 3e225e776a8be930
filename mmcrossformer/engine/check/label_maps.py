"""Checks label maps."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from mmcrossformer.engine.check.finding import Finding, count_bad
from mmcrossformer.engine.check.images import decode_size, evenly_spaced, in_threads, is_file


def check_label_maps(
    maps: Mapping[Path, Path], num_classes: int, ignored: int, reduce_zero: bool, source: str, decode: int | None
) -> list[Finding]:
    """Checks the label maps of a segmentation data set.

    Args:
        maps: Label map by image.
        num_classes: Number of classes.
        ignored: Label that losses ignore.
        reduce_zero: Whether label 0 is ignored and label 1 is the first class.
        source: Where the maps are listed, for the messages.
        decode: Number of maps to decode, evenly spaced; None for all.
    """
    exists = dict(zip(maps, in_threads(is_file, maps.values()), strict=True))
    missing = [path for image, path in maps.items() if not exists[image]]
    chosen = evenly_spaced([image for image in maps if exists[image]], decode)

    def problem(image: Path) -> str | None:
        try:
            with Image.open(maps[image]) as file:
                labels = np.asarray(file)
        except (OSError, SyntaxError, ValueError):
            return 'cannot be decoded'
        size = decode_size(image)
        if size is not None and labels.shape[:2] != size[::-1]:
            return 'has another size than its image'
        values = np.unique(labels) if labels.ndim == 2 else None
        if values is None:
            return 'has colours, not labels'
        values = values[values != ignored] - int(reduce_zero)
        return f'has label {values.max() + reduce_zero}' if values.size and values.max() >= num_classes else None

    problems = dict(zip(chosen, in_threads(problem, chosen), strict=True))
    bad = [f'{maps[image]} {text}' for image, text in problems.items() if text]
    return [
        *count_bad(missing, len(maps), f'label maps of {source} are missing'),
        *count_bad(bad, len(chosen), f'label maps of {source} do not fit the {num_classes} classes'),
    ]
