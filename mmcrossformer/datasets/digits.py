"""Embedded data set: real handwritten digits pasted at many scales onto real photographs.

Everything comes out of files that the scikit-learn and scikit-image wheels ship, so the set is
made offline on first use. Train and val parts share neither a digit nor a photograph. On disk::

    root/digits.json                            the spec the set was made from
    root/images/{train,val}/000000.jpg          scenes with several digits
    root/annotations/instances_{train,val}.json COCO boxes and polygons
    root/semantic/{train,val}/000000.png        category of every pixel, 0 is background
    root/classes/{train,val}/{digit}/000000.jpg crops with one digit, for classification

The categories 1..10 are the digits '0'..'9', in the COCO files as in the semantic maps.
"""

import json
import math
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib import import_module, resources
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from filelock import FileLock
from mmengine.logging import print_log

CLASSES: tuple[str, ...] = tuple('0123456789')

# Paul Tol's colour-blind safe 'muted' scheme with its pale grey, RGB.
PALETTE: tuple[tuple[int, int, int], ...] = (
    *((51, 34, 136), (136, 204, 238), (68, 170, 153), (17, 119, 51), (153, 153, 51)),
    *((221, 204, 119), (204, 102, 119), (136, 34, 85), (170, 68, 153), (221, 221, 221)),
)

# Pictures inside the wheels, by package. They are read as files, because the loaders of
# skimage.data may download. Drawings, pictures of text and the second picture of the
# motorcycle (the scene of the first) are left out on purpose.
_PHOTOGRAPHS: dict[str, dict[str, str]] = {
    'train': {
        'skimage.data': 'astronaut.png brick.png camera.png coffee.png coins.png grass.png '
        'hubble_deep_field.jpg ihc.png motorcycle_left.png retina.jpg',
        'sklearn.datasets.images': 'china.jpg',
    },
    'val': {
        'skimage.data': 'chelsea.png gravel.png moon.png rocket.jpg',
        'sklearn.datasets.images': 'flower.jpg',
    },
}

# scikit-learn's digits lie in blocks that repeat one sequence of labels, like forms that one
# person after another filled in. Cutting where a block starts keeps the writers apart.
_DIGITS: dict[str, slice] = {'train': slice(0, 1415), 'val': slice(1415, None)}

_CELL = 16  # pixels per original pixel in the smooth field that digits are drawn from
_INK_THRESHOLD = 0.15  # of that field: where a stroke begins
_MAX_ROTATION = 15.0  # degrees
_MAX_STRETCH = 1.2  # of the width, and its inverse
_MAX_OVERLAP = 0.05  # part of a box that earlier boxes may cover, which bounds their IoU too
_CROP_HEIGHTS = (0.5, 0.9)  # heights of the digits in classification crops, relative to them


@dataclass(frozen=True)
class DigitsSpec:
    """What the set is made from: the same spec gives the same pixels and annotations.

    Attributes:
        seed: Seed of everything random.
        image_size: Height and width of a scene in pixels.
        train_scenes: Number of scenes in the train part.
        val_scenes: Number of scenes in the val part.
        digits_per_scene: Least and most digits in a scene; those without room are left out.
        digit_size: Least and greatest height of a digit's box in pixels, drawn log-uniformly.
        crop_size: Height and width of a classification crop in pixels.
        train_crops: Number of classification crops in the train part, over all classes.
        val_crops: Number of classification crops in the val part, over all classes.
        version: Number of the recipe in this file, raised whenever it gives other pixels.
    """

    seed: int = 0
    image_size: int = 160
    train_scenes: int = 1000
    val_scenes: int = 200
    digits_per_scene: tuple[int, int] = (2, 5)
    digit_size: tuple[int, int] = (36, 100)
    crop_size: int = 64
    train_crops: int = 3000
    val_crops: int = 600
    version: int = 1

    def __post_init__(self) -> None:
        fewest, most = self.digits_per_scene
        smallest, largest = self.digit_size
        if not 1 <= fewest <= most <= 255:  # the instance map is uint8
            raise ValueError(f'digits_per_scene must rise within 1..255: {self.digits_per_scene}')
        if not 8 <= smallest <= largest <= self.image_size:
            raise ValueError(f'digit_size must rise within 8..image_size: {self.digit_size}')
        if self.crop_size < 16:
            raise ValueError(f'crop_size must be at least 16: {self.crop_size}')


@dataclass(frozen=True)
class Scene:
    """A picture and the digits on it.

    Attributes:
        image: [H, W, 3] uint8 RGB.
        instances: [H, W] uint8, k where the k-th digit (from 1) is visible, 0 elsewhere.
        labels: Class indices, ``labels[k - 1]`` for the k-th digit.
    """

    image: np.ndarray
    instances: np.ndarray
    labels: tuple[int, ...]


def ensure_digits(root: str | Path, spec: DigitsSpec = DigitsSpec()) -> Path:
    """Make the data set unless the folder holds it already.

    Several processes may call this together: one makes the set, the others wait for it. The
    set is made beside ``root`` and renamed at the end, so ``root`` never holds half a set.

    Args:
        root: Folder of the set; it holds the set, is empty, or does not exist.
        spec: What to make.

    Returns:
        The absolute path of the folder.

    Raises:
        ValueError: If the folder holds a set of another spec, or something else.
        ImportError: If scikit-learn or scikit-image is missing.
    """
    root = Path(root).expanduser().resolve()
    if not _holds(root, spec):
        root.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f'{root}.lock'):
            if not _holds(root, spec):  # another process may have made it meanwhile
                print_log(f'Generating the digits data set in {root}: {spec}', logger='current')
                _generate(root, spec)
                print_log(f'The digits data set in {root} is ready', logger='current')
    return root


def photographs(split: str) -> dict[str, np.ndarray]:
    """Load the photographs of 'train' or 'val': file name -> [H, W, 3] uint8 RGB."""
    import cv2

    photos = {}
    for package, names in _PHOTOGRAPHS[split].items():
        folder = resources.files(_installed(package))
        for name in names.split():
            data = np.frombuffer(folder.joinpath(name).read_bytes(), np.uint8)
            photos[name] = cv2.cvtColor(cv2.imdecode(data, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    return photos


def digit_indices(split: str) -> np.ndarray:
    """Return the positions [N] of a split's digits in ``sklearn.datasets.load_digits()``."""
    return np.arange(len(_installed('sklearn.datasets').load_digits().target))[_DIGITS[split]]


def load_digits(split: str) -> tuple[np.ndarray, np.ndarray]:
    """Load a split's digits: ink coverage [N, 8, 8] float32 in 0..1 and class indices [N]."""
    digits = _installed('sklearn.datasets').load_digits()
    indices = digit_indices(split)
    return (digits.images[indices] / 16).astype(np.float32), digits.target[indices]


def render_digit(grid: np.ndarray, height: float, angle: float, stretch: float) -> np.ndarray:
    """Draw a digit with smooth, crisp strokes.

    Args:
        grid: [8, 8] float32 ink coverage in 0..1.
        height: Height of the digit's box in pixels.
        angle: Rotation in degrees.
        stretch: Factor on the width, before the rotation.

    Returns:
        [h, w] float32 opacity. The digit's mask, opacity > 0.5, touches all four borders.
    """
    import cv2

    # Subtracting the surroundings opens loops that the coarse grid has nearly filled, and keeps
    # thin, pale strokes whole. Cubic interpolation rounds the strokes.
    grid = np.pad(grid, 1)
    grid = grid - 0.7 * cv2.GaussianBlur(grid, (0, 0), 1.5, borderType=cv2.BORDER_CONSTANT)
    field = cv2.resize(grid, None, fx=_CELL, fy=_CELL, interpolation=cv2.INTER_CUBIC)

    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    turn = np.array([[cos * stretch, -sin], [sin * stretch, cos]])
    ink = turn @ np.stack(np.nonzero(field > _INK_THRESHOLD)[::-1])  # [2, N] x and y
    corner, span = ink.min(axis=1), np.ptp(ink, axis=1)
    scale, margin = height / span[1], 2
    matrix = np.column_stack([scale * turn, margin - scale * corner])
    width, tall = (int(extent) + 2 * margin + 1 for extent in np.ceil(span * scale))
    field = cv2.warpAffine(field, matrix, (width, tall))
    # The field rises by about one from cell to cell: this blends an edge over about a pixel.
    alpha = np.clip((field - _INK_THRESHOLD) * scale * _CELL + 0.5, 0.0, 1.0)

    _, parts, stats, _ = cv2.connectedComponentsWithStats((alpha > 0.5).astype(np.uint8))
    areas = stats[1:, cv2.CC_STAT_AREA]
    is_stroke = np.array([0, *(areas >= 0.03 * areas.sum())], np.uint8)  # smaller parts are specks
    mask = is_stroke[parts]
    alpha *= cv2.dilate(mask, np.ones((3, 3), np.uint8))
    x, y, width, tall = cv2.boundingRect(mask)
    return alpha[y : y + tall, x : x + width]


def compose_scene(
    photo: np.ndarray,
    digits: Sequence[tuple[np.ndarray, int]],
    heights: tuple[float, float],
    size: int,
    rng: np.random.Generator,
) -> Scene:
    """Paste digits onto a random crop of a photograph.

    Args:
        photo: [H, W, 3] uint8 RGB.
        digits: Pairs of ink coverage, [8, 8] float32 in 0..1, and class index.
        heights: Least and greatest height of a digit's box in pixels, drawn log-uniformly.
        size: Height and width of the scene.
        rng: Source of everything random.

    Returns:
        The scene; digits that found no room are not on it.
    """
    canvas = _photo_crop(photo, size, rng)
    instances = np.zeros((size, size), np.uint8)
    occupied = np.zeros((size, size), bool)
    labels: list[int] = []
    # The large ones come first, while there is room.
    wanted = sorted(np.exp(rng.uniform(*np.log(heights), len(digits))), reverse=True)
    for (grid, label), height in zip(digits, wanted, strict=True):
        placed = _place_digit(grid, np.geomspace(height, heights[0], 4), occupied, rng)
        if placed is not None:
            alpha, place = placed
            labels.append(label)
            occupied[place] = True
            colour = _contrasting_colour(canvas[place], rng)
            canvas[place] += alpha[..., None] * (colour - canvas[place])
            instances[place][alpha > 0.5] = len(labels)
    noise = rng.standard_normal(canvas.shape, np.float32)
    canvas += np.float32(rng.uniform(0.0, 5.0)) * noise
    return Scene(np.clip(canvas.round(), 0, 255).astype(np.uint8), instances, tuple(labels))


def mask_polygons(mask: np.ndarray) -> list[list[float]]:
    """Outline a mask [H, W] bool by polygons x0, y0, x1, y1, ..., one for each connected part.

    Coordinates are COCO's, where the first pixel spans 0..1. COCO has no holes: a cut of no
    width joins them to the outline, so that filling the polygon leaves them empty.
    """
    import cv2

    # cv2 draws contours through the centres of border pixels, half a pixel too far inside.
    # On a finer grid that is little.
    zoom = 4
    fine = mask.astype(np.uint8)
    fine = cv2.resize(fine, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_NEAREST)
    contours, hierarchy = cv2.findContours(fine, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    parents = hierarchy[0, :, 3]  # the outline that a hole is in, -1 for an outline
    rings: dict[int, np.ndarray] = {}
    for index in np.argsort(parents >= 0, kind='stable'):  # outlines before holes
        ring = cv2.approxPolyDP(contours[index], 0.4 * zoom, True)
        ring = (ring if len(ring) >= 3 else contours[index])[:, 0]
        if parents[index] < 0:
            rings[index] = ring
            continue
        outline = rings[parents[index]]
        distances = np.square(outline[:, None] - ring).sum(axis=-1)
        i, j = np.unravel_index(distances.argmin(), distances.shape)
        bridged = (outline[: i + 1], ring[j:], ring[: j + 1], outline[i:])
        rings[parents[index]] = np.concatenate(bridged)
    return [((ring + 0.5) / zoom).ravel().tolist() for ring in rings.values()]


def _place_digit(
    grid: np.ndarray, heights: Sequence[float], occupied: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, tuple[slice, slice]] | None:
    """Find room on a map [S, S] bool, trying one height after another: opacity and place."""
    size = len(occupied)
    angle = rng.uniform(-_MAX_ROTATION, _MAX_ROTATION)
    stretch = _MAX_STRETCH ** rng.uniform(-1, 1)
    for height in heights:
        alpha = render_digit(grid, height, angle, stretch)
        tall, width = alpha.shape
        for _ in range(20 if max(tall, width) <= size else 0):
            y, x = int(rng.integers(size - tall + 1)), int(rng.integers(size - width + 1))
            place = slice(y, y + tall), slice(x, x + width)
            if occupied[place].mean() <= _MAX_OVERLAP:
                return alpha, place
    return None


def _photo_crop(photo: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """Cut a square out of a photograph: [size, size, 3] float32 in 0..255, less contrast."""
    import cv2

    largest = min(photo.shape[:2])
    side = round(math.exp(rng.uniform(math.log(min(0.75 * size, largest)), math.log(largest))))
    y, x = (int(rng.integers(extent - side + 1)) for extent in photo.shape[:2])
    crop = photo[y : y + side, x : x + side, :][:, :: rng.choice([-1, 1])]
    method = cv2.INTER_AREA if side > size else cv2.INTER_LINEAR
    resized = cv2.resize(np.ascontiguousarray(crop), (size, size), interpolation=method)
    mean = resized.mean(axis=(0, 1), dtype=np.float32)
    return mean + np.float32(rng.uniform(0.6, 0.9)) * (resized - mean)


def _contrasting_colour(patch: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw a saturated colour [3] whose luma stands out from nearly all of a patch [h, w, 3]."""
    import cv2

    hsv = rng.uniform((0, 0.65, 0.25), (360, 1, 1), (1, 64, 3)).astype(np.float32)
    colours = 255 * cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)[0]
    luma = np.array([0.299, 0.587, 0.114], np.float32)
    pixels = patch.reshape(-1, 3)
    ground = pixels[:: 1 + len(pixels) // 256] @ luma  # a sample is enough
    differences = np.abs((colours @ luma)[:, None] - ground)
    rank = differences.shape[1] // 6  # a few pixels may be alike, where a pattern is strong
    contrast = np.partition(differences, rank, axis=1)[:, rank]
    # One out of the best quarter, so that colours vary on any ground.
    return colours[rng.choice(np.argsort(-contrast, kind='stable')[:16])]


def _installed(package: str) -> ModuleType:
    try:
        return import_module(package)
    except ModuleNotFoundError as error:
        hint = 'pip install scikit-learn scikit-image'
        raise ImportError(f'The digits data set needs {package}: {hint}') from error


def _holds(root: Path, spec: DigitsSpec) -> bool:
    """Tell whether a folder holds the set of a spec; ValueError where something else is."""
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
    """Make the set beside the folder and rename it into place."""
    partial = root.with_name(f'.{root.name}.partial')
    shutil.rmtree(partial, ignore_errors=True)  # of a process that was killed
    try:
        for split in _DIGITS:
            _write_scenes(partial, split, spec)
            _write_crops(partial, split, spec)
        _write_json(partial / 'digits.json', {'spec': asdict(spec)})
        if root.exists():
            root.rmdir()  # it is empty; not every system renames onto a folder
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
        rng = np.random.default_rng([spec.seed, list(_DIGITS).index(split), 0, number])
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
    """Describe the visible part of every digit in COCO's fields, without ids."""
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
    """Write the classification crops of a split, the classes taking turns."""
    photos, (grids, labels) = list(photographs(split).values()), load_digits(split)
    heights = (_CROP_HEIGHTS[0] * spec.crop_size, _CROP_HEIGHTS[1] * spec.crop_size)
    for number in range(spec.train_crops if split == 'train' else spec.val_crops):
        rng = np.random.default_rng([spec.seed, list(_DIGITS).index(split), 1, number])
        of_class, label = divmod(number, len(CLASSES))
        digit = (grids[rng.choice(np.flatnonzero(labels == label))], label)
        photo = photos[rng.integers(len(photos))]
        crop = compose_scene(photo, [digit], heights, spec.crop_size, rng)
        folder = root / 'classes' / split / CLASSES[label]
        _write_image(folder / f'{of_class:06d}.jpg', crop.image)


def _write_image(path: Path, image: np.ndarray) -> None:
    """Write [H, W, 3] uint8 RGB or [H, W] uint8, as JPEG or PNG by the suffix."""
    import cv2

    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = cv2.cvtColor(image, cv2.COLOR_RGB2BGR) if image.ndim == 3 else image
    options = [cv2.IMWRITE_JPEG_QUALITY, 95] if path.suffix == '.jpg' else []
    # cv2.imwrite would report a full disk by nothing but its return value.
    path.write_bytes(cv2.imencode(path.suffix, pixels, options)[1].tobytes())


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
