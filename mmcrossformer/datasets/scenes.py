"""Scenes of real handwritten digits on real photographs.

Both come from files in the scikit-learn and scikit-image wheels. The splits 'train' and 'val'
share no digit and no photograph.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module, resources
from types import ModuleType

import numpy as np

SPLITS: tuple[str, ...] = ('train', 'val')

# Images in the wheels, by package. They are read as files, because the loaders of skimage.data
# may download. Drawings, images of text and the second image of the motorcycle (the same scene)
# are left out on purpose.
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

# scikit-learn's digits are in blocks that repeat one sequence of labels, presumably a block for
# each writer. Splitting at the start of a block keeps the writers apart.
_DIGITS: dict[str, slice] = {'train': slice(0, 1415), 'val': slice(1415, None)}

_CELL = 16  # pixels per original pixel in the upsampled field that digits are drawn from
_INK_THRESHOLD = 0.15  # of that field, at the edge of a stroke
_MAX_ROTATION = 15.0  # degrees
_MAX_STRETCH = 1.2  # of the width, and its inverse
# Light digits on darkened photographs: with contrast of both signs, strokes average to zero over many images, and
# models trained from scratch find no digits for thousands of iterations.
_SHADE = (0.35, 0.7)  # smallest and largest brightness factor of a photograph
_MAX_BRIGHTNESS = 100.0  # mean of a darkened photograph
_MAX_OVERLAP = 0.05  # fraction of a box that earlier boxes may cover; bounds the IoU, too


@dataclass(frozen=True)
class Scene:
    """An image and the digits on it.

    Attributes:
        image: [H, W, 3] uint8 RGB.
        instances: [H, W] uint8, k where the k-th digit (from 1) is visible, 0 elsewhere.
        labels: Class indices, ``labels[k - 1]`` for the k-th digit.
    """

    image: np.ndarray
    instances: np.ndarray
    labels: tuple[int, ...]


def photographs(split: str) -> dict[str, np.ndarray]:
    """Load the photographs of 'train' or 'val': file name -> [H, W, 3] uint8 RGB."""
    import cv2

    photos = {}
    for package, names in _PHOTOGRAPHS[split].items():
        folder = resources.files(_import_installed(package))
        for name in names.split():
            data = np.frombuffer(folder.joinpath(name).read_bytes(), np.uint8)
            photo = cv2.imdecode(data, cv2.IMREAD_COLOR)
            assert photo is not None, name  # a valid image of the package
            photos[name] = cv2.cvtColor(photo, cv2.COLOR_BGR2RGB)
    return photos


def digit_indices(split: str) -> np.ndarray:
    """Return the positions [N] of a split's digits in ``sklearn.datasets.load_digits()``."""
    return np.arange(len(_import_installed('sklearn.datasets').load_digits().target))[_DIGITS[split]]


def load_digits(split: str) -> tuple[np.ndarray, np.ndarray]:
    """Load a split's digits: ink coverage [N, 8, 8] float32 in 0..1 and class indices [N]."""
    digits = _import_installed('sklearn.datasets').load_digits()
    indices = digit_indices(split)
    return (digits.images[indices] / 16).astype(np.float32), digits.target[indices]


def render_digit(grid: np.ndarray, height: float, angle: float, stretch: float) -> np.ndarray:
    """Draw a digit with smooth, sharp strokes.

    Args:
        grid: [8, 8] float32 ink coverage in 0..1.
        height: Height of the digit's box in pixels.
        angle: Rotation in degrees.
        stretch: Factor on the width, before the rotation.

    Returns:
        [h, w] float32 opacity. The digit's mask, opacity > 0.5, touches all four borders.
    """
    import cv2

    # Subtracting a blurred copy opens loops that are nearly filled on the coarse grid, and keeps
    # thin, pale strokes connected. Cubic interpolation rounds the strokes.
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
        heights: Smallest and largest height of a digit's box in pixels, drawn log-uniformly.
        size: Height and width of the scene.
        rng: Random number generator.

    Returns:
        The scene, without digits for which there was no room.
    """
    canvas = _photo_crop(photo, size, rng)
    instances = np.zeros((size, size), np.uint8)
    occupied = np.zeros((size, size), bool)
    labels: list[int] = []
    # Large digits first, while there is room.
    low, high = np.log(heights)
    wanted = sorted(np.exp(rng.uniform(low, high, len(digits))), reverse=True)
    for (grid, label), height in zip(digits, wanted, strict=True):
        placed = _place_digit(grid, np.geomspace(height, heights[0], 4), occupied, rng)
        if placed is not None:
            alpha, place = placed
            labels.append(label)
            occupied[place] = True
            colour = _light_colour(canvas[place], rng)
            canvas[place] += alpha[..., None] * (colour - canvas[place])
            instances[place][alpha > 0.5] = len(labels)
    noise = rng.standard_normal(canvas.shape, np.float32)
    canvas += np.float32(rng.uniform(0.0, 5.0)) * noise
    return Scene(np.clip(canvas.round(), 0, 255).astype(np.uint8), instances, tuple(labels))


def mask_polygons(mask: np.ndarray) -> list[list[float]]:
    """Outline a mask [H, W] bool by polygons x0, y0, x1, y1, ..., one for each connected part.

    Coordinates are COCO's, where the first pixel spans 0..1. COCO has no holes: a bridge of
    zero width joins them to the outline, so that they stay empty when the polygon is filled.
    """
    import cv2

    # cv2 draws contours through the centres of border pixels, half a pixel too far inside.
    # On a finer grid that error is small.
    zoom = 4
    fine = cv2.resize(mask.astype(np.uint8), None, fx=zoom, fy=zoom, interpolation=cv2.INTER_NEAREST)
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
    grid: np.ndarray, heights: np.ndarray, occupied: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, tuple[slice, slice]] | None:
    """Find room on a map [S, S] bool, trying each height in turn; return opacity and place."""
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
    """Crop a square of a photograph and darken it: [size, size, 3] float32 in 0..255."""
    import cv2

    largest = min(photo.shape[:2])
    side = round(math.exp(rng.uniform(math.log(min(0.75 * size, largest)), math.log(largest))))
    y, x = (int(rng.integers(extent - side + 1)) for extent in photo.shape[:2])
    crop = photo[y : y + side, x : x + side, :][:, :: rng.choice([-1, 1])]
    method = cv2.INTER_AREA if side > size else cv2.INTER_LINEAR
    resized = cv2.resize(np.ascontiguousarray(crop), (size, size), interpolation=method)
    shaded = resized * np.float32(rng.uniform(*_SHADE))
    return shaded * min(1.0, _MAX_BRIGHTNESS / shaded.mean())


def _light_colour(patch: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw a light colour [3] whose luma stands out from nearly all of a patch [h, w, 3]."""
    import cv2

    hsv = rng.uniform((0, 0.1, 0.85), (360, 0.6, 1), (1, 64, 3)).astype(np.float32)
    colours = 255 * cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)[0]
    luma = np.array([0.299, 0.587, 0.114], np.float32)
    # A few pixels of a strong pattern may be lighter.
    ground = np.quantile(patch.reshape(-1, 3) @ luma, 5 / 6)
    contrast = colours @ luma - ground
    # One of the better half of the colours, so that they vary on any background.
    return colours[rng.choice(np.argsort(-contrast, kind='stable')[:32])]


def _import_installed(package: str) -> ModuleType:
    try:
        return import_module(package)
    except ModuleNotFoundError as error:
        hint = 'pip install scikit-learn scikit-image'
        raise ImportError(f'The digits data set needs {package}: {hint}') from error
