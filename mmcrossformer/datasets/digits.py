"""Generated data set: real handwritten digits pasted at many scales onto real photographs.

All data come from files in the scikit-learn and scikit-image wheels, so the set is generated
offline on first use. The splits train and val share no digit and no photograph. On disk::

    root/digits.json                            the spec of the set
    root/images/{train,val}/000000.jpg          scenes with several digits
    root/annotations/instances_{train,val}.json COCO boxes and polygons
    root/semantic/{train,val}/000000.png        category of every pixel, 0 is background
    root/classes/{train,val}/3/3_000000.jpg     crops with one digit, for classification

The categories 1..10 are the digits '0'..'9', in the COCO files as in the semantic maps.
"""

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock
from mmengine.logging import print_log

from mmcrossformer.datasets.scenes import SPLITS, Scene, compose_scene, load_digits, mask_polygons, photographs

CLASSES: tuple[str, ...] = tuple('0123456789')

# Paul Tol's colour-blind safe 'muted' scheme with its pale grey, RGB.
PALETTE: tuple[tuple[int, int, int], ...] = (
    *((51, 34, 136), (136, 204, 238), (68, 170, 153), (17, 119, 51), (153, 153, 51)),
    *((221, 204, 119), (204, 102, 119), (136, 34, 85), (170, 68, 153), (221, 221, 221)),
)

_CROP_HEIGHTS = (0.5, 0.9)  # heights of digits in classification crops, relative to the crop


@dataclass(frozen=True)
class DigitsSpec:
    """Parameters of the set: the same spec results in the same pixels and annotations.

    Attributes:
        seed: Seed of all random numbers.
        image_size: Height and width of a scene in pixels.
        train_scenes: Number of scenes in the split train.
        val_scenes: Number of scenes in the split val.
        digits_per_scene: Smallest and largest number of digits in a scene; those without room are left out.
        digit_size: Smallest and largest height of a digit's box in pixels, drawn log-uniformly.
        crop_size: Height and width of a classification crop in pixels.
        train_crops: Number of classification crops in the split train, over all classes.
        val_crops: Number of classification crops in the split val, over all classes.
        version: Version of the generator, raised whenever its pixels change.
    """

    seed: int = 0
    image_size: int = 160
    train_scenes: int = 1000
    val_scenes: int = 200
    digits_per_scene: tuple[int, int] = (3, 7)
    digit_size: tuple[int, int] = (32, 80)
    crop_size: int = 64
    train_crops: int = 3000
    val_crops: int = 600
    version: int = 2

    def __post_init__(self) -> None:
        fewest, most = self.digits_per_scene
        smallest, largest = self.digit_size
        if not 1 <= fewest <= most <= 255:  # the instance map is uint8
            raise ValueError(f'digits_per_scene must rise within 1..255: {self.digits_per_scene}')
        if not 8 <= smallest <= largest <= self.image_size:
            raise ValueError(f'digit_size must rise within 8..image_size: {self.digit_size}')
        if self.crop_size < 16:
            raise ValueError(f'crop_size must be at least 16: {self.crop_size}')


def ensure_digits(root: str | Path, spec: DigitsSpec = DigitsSpec()) -> Path:
    """Generate the data set unless the folder contains it already.

    Several processes may call this at once: one generates the set, the others wait for it. The
    set is generated beside ``root`` and renamed at the end, so ``root`` is never incomplete.

    Args:
        root: Folder of the set; it contains the set, is empty, or does not exist.
        spec: Parameters of the set.

    Returns:
        The absolute path of the folder.

    Raises:
        ValueError: If the folder contains a set of another spec, or other files.
        ImportError: If scikit-learn or scikit-image is missing.
    """
    root = Path(root).expanduser().resolve()
    if not _is_made(root, spec):
        root.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f'{root}.lock'):
            if not _is_made(root, spec):  # another process may have made it meanwhile
                print_log(f'Generating the digits data set in {root}: {spec}', logger='current')
                _generate(root, spec)
                print_log(f'The digits data set in {root} is ready', logger='current')
    return root


def _is_made(root: Path, spec: DigitsSpec) -> bool:
    """Return whether a folder contains the set of a spec; raise ValueError if it contains anything else."""
    if not root.exists() or (root.is_dir() and not any(root.iterdir())):
        return False
    try:
        found = dict(json.loads((root / 'digits.json').read_text())['spec'])
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise ValueError(
            f'{root} holds something other than a digits data set (no valid digits.json); '
            'nothing was changed, pass another root'
        ) from error
    expected = json.loads(json.dumps(asdict(spec)))  # tuples become lists, as in the file
    differing = [
        f'{field} (found {found.get(field)}, expected {expected.get(field)})'
        for field in expected | found
        if found.get(field) != expected.get(field)
    ]
    if differing:
        raise ValueError(
            f'{root} holds a digits data set of another spec: {", ".join(differing)}; '
            'delete the folder or pass another root'
        )
    return True


def _generate(root: Path, spec: DigitsSpec) -> None:
    """Generate the set beside the folder and rename it."""
    partial = root.with_name(f'.{root.name}.partial')
    shutil.rmtree(partial, ignore_errors=True)  # of a process that was killed
    try:
        for split in SPLITS:
            _write_scenes(partial, split, spec)
            _write_crops(partial, split, spec)
        _write_json(partial / 'digits.json', {'spec': asdict(spec)})
        if root.exists():
            root.rmdir()  # it is empty; some systems cannot rename onto a folder
        os.replace(partial, root)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _write_scenes(root: Path, split: str, spec: DigitsSpec) -> None:
    """Write the scenes of a split, their semantic maps and their COCO file."""
    photos, (grids, labels) = list(photographs(split).values()), load_digits(split)
    fewest, most = spec.digits_per_scene
    coco: dict[str, list[dict[str, Any]]] = {'images': [], 'annotations': []}
    coco['categories'] = [{'id': index, 'name': name} for index, name in enumerate(CLASSES, 1)]
    for number in range(spec.train_scenes if split == 'train' else spec.val_scenes):
        rng = np.random.default_rng([spec.seed, SPLITS.index(split), 0, number])
        picks = rng.integers(len(grids), size=rng.integers(fewest, most + 1))
        digits = [(grids[pick], int(labels[pick])) for pick in picks]
        photo = photos[rng.integers(len(photos))]
        scene = compose_scene(photo, digits, spec.digit_size, spec.image_size, rng)

        image = {'id': number, 'file_name': f'{number:06d}.jpg'}
        coco['images'].append(image | {'height': spec.image_size, 'width': spec.image_size})
        for annotation in _annotations(scene):
            ids = {'id': len(coco['annotations']) + 1, 'image_id': number}
            coco['annotations'].append(ids | annotation)
        categories = np.array([0, *(label + 1 for label in scene.labels)], np.uint8)
        _write_image(root / 'images' / split / f'{number:06d}.jpg', scene.image)
        _write_image(root / 'semantic' / split / f'{number:06d}.png', categories[scene.instances])
    _write_json(root / 'annotations' / f'instances_{split}.json', coco)


def _annotations(scene: Scene) -> Iterator[dict[str, Any]]:
    """Yield COCO annotations of the visible part of every digit, without ids."""
    for index, label in enumerate(scene.labels, 1):
        mask = scene.instances == index
        ys, xs = np.nonzero(mask)
        x, y = int(xs.min()), int(ys.min())
        yield {
            'category_id': label + 1,
            'bbox': [float(x), float(y), float(xs.max() + 1 - x), float(ys.max() + 1 - y)],
            'area': float(len(xs)),
            'iscrowd': 0,
            'segmentation': mask_polygons(mask),
        }


def _write_crops(root: Path, split: str, spec: DigitsSpec) -> None:
    """Write the classification crops of a split, cycling through the classes."""
    photos, (grids, labels) = list(photographs(split).values()), load_digits(split)
    heights = (_CROP_HEIGHTS[0] * spec.crop_size, _CROP_HEIGHTS[1] * spec.crop_size)
    for number in range(spec.train_crops if split == 'train' else spec.val_crops):
        rng = np.random.default_rng([spec.seed, SPLITS.index(split), 1, number])
        of_class, label = divmod(number, len(CLASSES))
        digit = (grids[rng.choice(np.flatnonzero(labels == label))], label)
        photo = photos[rng.integers(len(photos))]
        crop = compose_scene(photo, [digit], heights, spec.crop_size, rng)
        folder = root / 'classes' / split / CLASSES[label]
        _write_image(folder / f'{CLASSES[label]}_{of_class:06d}.jpg', crop.image)


def _write_image(path: Path, image: np.ndarray) -> None:
    """Write [H, W, 3] uint8 RGB or [H, W] uint8, as JPEG or PNG by the suffix."""
    import cv2

    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = cv2.cvtColor(image, cv2.COLOR_RGB2BGR) if image.ndim == 3 else image
    options = [cv2.IMWRITE_JPEG_QUALITY, 95] if path.suffix == '.jpg' else []
    # cv2.imwrite reports a full disk only by its return value.
    path.write_bytes(cv2.imencode(path.suffix, pixels, options)[1].tobytes())


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
