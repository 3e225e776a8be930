"""Counts and measures the objects of a data set."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from mmcrossformer.config.sizes import resize_factors
from mmcrossformer.engine.check.finding import Finding
from mmcrossformer.utils.errors import names

# Objects of fewer pixels than this a side are smaller than a token of the second stage.
_SMALL = 8
_MANY_SMALL = 0.2
# A class is rare with fewer objects than this, if another one has more than twice as many: small sets have few of all.
_FEW = 10
_RARER = 2


@dataclass(frozen=True)
class Objects:
    """The objects of a data set that are trained or found, one in each row.

    Attributes:
        labels: Their classes [N].
        images: Numbers of their images [N].
        sides: Width and height in pixels after the resizing of the pipeline [N, 2]; [0, 2] if they have no boxes.
    """

    labels: np.ndarray
    images: np.ndarray
    sides: np.ndarray

    def count(self, classes: int) -> np.ndarray:
        """Returns the number of objects of each class [classes]."""
        return np.histogram(self.labels, np.arange(classes + 1) - 0.5)[0]

    def count_images(self, classes: int) -> np.ndarray:
        """Returns the number of images with an object of each class [classes]."""
        pairs = np.unique(np.stack([self.labels, self.images], axis=1), axis=0)
        return np.histogram(pairs[:, 0], np.arange(classes + 1) - 0.5)[0]


NO_OBJECTS = Objects(np.empty(0, int), np.empty(0, int), np.empty((0, 2)))


def find_objects(entries: Sequence[Mapping[str, Any]], pipeline: Sequence[dict[str, Any]]) -> Objects:
    """Returns the boxes of entries, or their images if those have a label each.

    Args:
        entries: Entries of a data set.
        pipeline: Settings of its pipeline, which may resize images.
    """
    factors = cache(lambda width, height: resize_factors(pipeline, width, height))
    labels, images, sides = [], [], []
    for number, entry in enumerate(entries):
        if isinstance(entry.get('gt_label'), int):
            labels.append(entry['gt_label'])
            images.append(number)
        for instance in entry.get('instances', ()):
            if 'bbox' in instance and not instance.get('ignore_flag'):
                left, top, right, bottom = instance['bbox']
                across, down = factors(entry['width'], entry['height']) if 'width' in entry else (1.0, 1.0)
                labels.append(instance['bbox_label'])
                images.append(number)
                sides.append(((right - left) * across, (bottom - top) * down))
    return Objects(np.array(labels, int), np.array(images, int), np.array(sides, float).reshape(-1, 2))


def check_objects(objects: Objects, classes: Sequence[str], source: str) -> list[Finding]:
    """Reports rare classes and small objects of training.

    Args:
        objects: The objects that are trained.
        classes: Names of its classes.
        source: Where they are listed, for messages.
    """
    counts = objects.count(len(classes))
    few = min(_FEW, counts.max(initial=0) / _RARER)
    rare = [f'{name} ({count})' for name, count in zip(classes, counts, strict=True) if 0 < count < few]
    findings = []
    if rare:
        text = f'{len(rare)} classes have fewer than {_FEW} instances in {source}: {names(rare)}'
        findings.append(Finding(text, warning=True))
    small = int((objects.sides < _SMALL).all(axis=1).sum())
    if small > _MANY_SMALL * len(objects.sides):
        findings.append(
            Finding(
                f'{small} of {len(objects.sides)} objects of {source} are smaller than {_SMALL} x {_SMALL} pixels '
                'after the resizing of the pipeline: train at a larger scale, or cut the images into tiles',
                warning=True,
            )
        )
    return findings
