"""Embedded data set: real handwritten digits pasted at many scales onto real photographs.

Everything comes out of files that the scikit-learn and scikit-image wheels ship, so the set is
made offline on first use. Train and val parts share neither a digit nor a photograph. On disk::

    root/
        digits.json                            the spec the set was made from
        images/{train,val}/000000.jpg          scenes with several digits
        annotations/instances_{train,val}.json COCO boxes and polygons, category 1..10 is '0'..'9'
        semantic/{train,val}/000000.png        0 is background, 1..10 is '0'..'9'
        classes/{train,val}/{digit}/000000.jpg classification crops, one digit each
"""

import json
import logging
import math
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock
from mmengine.logging import print_log

CLASSES: tuple[str, ...] = ('0', '1', '2', '3', '4', '5', '6', '7', '8', '9')

# Paul Tol's 'muted' scheme and its pale grey, RGB.
PALETTE: tuple[tuple[int, int, int], ...] = (
    (51, 34, 136),
    (136, 204, 238),
    (68, 170, 153),
    (17, 119, 51),
    (153, 153, 51),
    (221, 204, 119),
    (204, 102, 119),
    (136, 34, 85),
    (170, 68, 153),
    (221, 221, 221),
)

SPLITS: tuple[str, ...] = ('train', 'val')

# (package, file) of pictures that are inside the wheels. They are read as files because the
# loaders of skimage.data may download. Drawings, printed or written text, and the second
# picture of the motorcycle (the same scene as the first) are left out on purpose.
_PHOTOGRAPH_FILES: dict[str, tuple[tuple[str, str], ...]] = {
    'train': (
        ('skimage.data', 'astronaut.png'),
        ('skimage.data', 'brick.png'),
        ('skimage.data', 'camera.png'),
        ('skimage.data', 'coffee.png'),
        ('skimage.data', 'coins.png'),
        ('skimage.data', 'grass.png'),
        ('skimage.data', 'hubble_deep_field.jpg'),
        ('skimage.data', 'ihc.png'),
        ('skimage.data', 'motorcycle_left.png'),
        ('skimage.data', 'retina.jpg'),
        ('sklearn.datasets.images', 'china.jpg'),
    ),
    'val': (
        ('skimage.data', 'chelsea.png'),
        ('skimage.data', 'gravel.png'),
        ('skimage.data', 'moon.png'),
        ('skimage.data', 'rocket.jpg'),
        ('sklearn.datasets.images', 'flower.jpg'),
    ),
}

# scikit-learn's digits lie in blocks that repeat one sequence of labels, as forms filled in by
# one person after another do. Cutting where a block starts keeps the writers apart.
_FIRST_VAL_DIGIT = 1415

_INK_THRESHOLD = 0.4  # ink coverage above which a point belongs to a stroke
_CELL = 16  # pixels per original pixel in the smooth field that digits are drawn from
_EDGE_PIXELS = 1.5  # width of the blended edge of a stroke
_MAX_ROTATION = 15.0  # degrees
_MAX_OVERLAP = 0.05  # of the smaller of two boxes, which bounds their IoU as well
_PLACEMENT_TRIES = 20  # positions tried before a digit is made smaller
_CROP_DIGIT = (0.5, 0.9)  # height of the digit in a classification crop, relative to the crop


@dataclass(frozen=True)
class DigitsSpec:
    """What the set is made from: the same spec gives the same pixels and annotations.

    Attributes:
        seed: Seed of everything random.
        image_size: Height and width of a scene in pixels.
        train_scenes: Number of scenes in the train part.
        val_scenes: Number of scenes in the val part.
        digits_per_scene: Least and most digits in a scene. Where no room is left, a digit
            is made smaller, and at last left out.
        digit_size: Least and greatest height of a digit's box in pixels, drawn log-uniformly.
        crop_size: Height and width of a classification crop in pixels.
        train_crops: Number of classification crops in the train part, over all classes.
        val_crops: Number of classification crops in the val part, over all classes.
        version: Number of the recipe in this file, raised whenever its pixels change.
    """

    seed: int = 0
    image_size: int = 160
    train_scenes: int = 1000
    val_scenes: int = 200
    digits_per_scene: tuple[int, int] = (2, 6)
    digit_size: tuple[int, int] = (28, 96)
    crop_size: int = 64
    train_crops: int = 3000
    val_crops: int = 600
    version: int = 1

    def __post_init__(self) -> None:
        fewest, most = self.digits_per_scene
        smallest, largest = self.digit_size
        # An instance map of a scene is uint8, hence at most 255 digits.
        if not 1 <= fewest <= most <= 255:
            raise ValueError(f'digits_per_scene must rise within 1..255: {self.digits_per_scene}')
        if not 8 <= smallest <= largest <= self.image_size:
            raise ValueError(f'digit_size must rise within 8..image_size: {self.digit_size}')
        if self.crop_size < 16:
            raise ValueError(f'crop_size must be at least 16: {self.crop_size}')


@dataclass(frozen=True)
class Scene:
    """A picture and what is on it.

    Attributes:
        image: [H, W, 3] uint8 RGB.
        instances: [H, W] uint8, 0 is background and k the visible part of the k-th digit.
        labels: Class index of every digit, ``labels[k - 1]`` for the k-th.
    """

    image: np.ndarray
    instances: np.ndarray
    labels: tuple[int, ...]


def ensure_digits(root: str | Path, spec: DigitsSpec | None = None) -> Path:
    """Make the data set unless the folder holds it already.

    Several processes may call this together: one makes the set, the others wait for it. The
    set is made beside ``root`` and renamed at the end, so ``root`` is never half a set.

    Args:
        root: Folder of the set; it must hold the set, be empty, or not exist.
        spec: What to make. ``None`` means ``DigitsSpec()``.

    Returns:
        The absolute path of the folder.

    Raises:
        ValueError: If the folder holds something else or a set of another spec.
        ImportError: If scikit-learn or scikit-image is missing.
    """
    spec = DigitsSpec() if spec is None else spec
    root = Path(root).expanduser().resolve()
    if _holds(root, spec):
        return root
    root.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f'{root}.lock'):
        if not _holds(root, spec):  # another process may have made it meanwhile
            print_log(f'Generating the digits data set in {root}: {spec}', logger='current')
            _generate(root, spec)
            print_log(f'The digits data set in {root} is ready', logger='current')
    return root


def photographs(split: str) -> dict[str, np.ndarray]:
    """Load the photographs of a split.

    Args:
        split: 'train' or 'val'.

    Returns:
        File name -> [H, W, 3] uint8 RGB; heights and widths differ.
    """
    return {name: _read_packaged(package, name) for package, name in _PHOTOGRAPH_FILES[split]}


def digit_indices(split: str) -> np.ndarray:
    """Return the positions of a split's digits in ``sklearn.datasets.load_digits``, [N]."""
    if split not in SPLITS:
        raise KeyError(split)
    is_val = np.arange(len(_load_all_digits()[1])) >= _FIRST_VAL_DIGIT
    return np.flatnonzero(is_val if split == 'val' else ~is_val)
