"""Compares the labels of label maps with the classes of the data set."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from mmengine.dataset import BaseDataset

from mmcrossformer.engine.check.finding import Finding, count_bad
from mmcrossformer.utils.errors import names


def check_labels(
    paths: Sequence[Path],
    pixels: Sequence[np.ndarray],
    values: Sequence[float],
    dataset: BaseDataset,
    of: str,
    *,
    whole: bool,
) -> list[Finding]:
    """Reports labels without a class, classes without a pixel, and what may be the cause.

    Args:
        paths: The files.
        pixels: Number of pixels by label in each file, as loaded [256].
        values: The values in all files, in order, before labels are moved.
        dataset: The data set of mmseg.
        of: What the files are, for the messages.
        whole: Whether these are all files of the data set.
    """
    classes, ignored = list(dataset.metainfo.get('classes') or ()), dataset.ignore_index
    foreign = [
        [label for label in np.flatnonzero(count) if label >= len(classes) and label != ignored] for count in pixels
    ]
    without = [name for label, name in enumerate(classes) if not any(count[label] for count in pixels)]
    cause = _find_cause(values, len(classes), ignored, reduce_zero=bool(dataset.reduce_zero_label))
    findings = []
    if any(foreign):
        moved = int(bool(dataset.reduce_zero_label))
        shown = sorted({int(label) + moved * (label != 255) for labels in foreign for label in labels})
        what = f'{of} have labels that are no class: {names(shown)}. The {len(classes)} classes have the labels {moved}'
        what += f' to {len(classes) - 1 + moved}, and {ignored} is ignored. The files are'
        findings += count_bad([path for path, bad in zip(paths, foreign, strict=True) if bad], len(paths), what, cause)
    elif len(without) == len(classes):
        findings.append(Finding(f'every pixel of the {of} is ignored ({ignored}): there is nothing to train on'))
    elif without:
        # One class alone teaches nothing. Of several, a sample may miss one.
        alone = bool(cause) and len(without) == len(classes) - 1
        if alone or whole:
            what = f'{len(without)} classes have no pixel in the {of}: {names(without)}{cause and ". " + cause}'
            findings.append(Finding(what, warning=not alone))
    bare = [path for path, count in zip(paths, pixels, strict=True) if not count.sum() - count[ignored]]
    if bare and len(bare) < len(paths):
        findings.append(
            Finding(f'{len(bare)} of {len(paths)} {of} have no pixel that is not ignored: {names(bare)}', warning=True)
        )
    return findings


def _find_cause(values: Sequence[float], num_classes: int, ignored: int, *, reduce_zero: bool) -> str:
    """Returns what makes labels and classes differ, as far as the values show it, and what to do; else nothing."""
    labels = [value for value in values if value != ignored]
    count = range(num_classes)
    if reduce_zero:
        if labels == [*count]:
            return (
                f'The files have the labels 0 to {num_classes - 1}, as many as there are classes, and '
                'reduce_zero_label=True ignores 0 and makes 1 the first class: set reduce_zero_label=False'
            )
        return ''
    if _are_shades(values, num_classes):
        spread = f'The {num_classes} values in the files are {names([f"{value:g}" for value in values])}'
        fate = (
            f', and {ignored} is the label that losses ignore: its object is never trained' if ignored in values else ''
        )
        return f'{spread}{fate}. Write {names([*count])} in their place'
    if labels and labels[-1] == num_classes and labels[0] == 1:
        return (
            f'The labels in the files start at 1: write 0 to {num_classes - 1}, or set reduce_zero_label=True in the '
            'data set, which makes 1 the first class'
        )
    if labels == [*range(num_classes + 1)]:
        return (
            'The files have one label more than there are classes: list the name of label 0 first in metainfo.classes, '
            'or set reduce_zero_label=True in the data set, which ignores it'
        )
    return ''


def _are_shades(values: Sequence[float], num_classes: int) -> bool:
    """Whether there is a value for each class, evenly spread so that a viewer shows them, such as 0, 128, 255."""
    if len(values) != num_classes or num_classes < 2 or values[0] != 0:
        return False
    step = values[-1] / (num_classes - 1)
    return step > 1 and all(abs(value - i * step) <= 1 for i, value in enumerate(values))
