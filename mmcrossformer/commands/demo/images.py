"""Pictures that the page shows: built-in ones, uploads, and what is drawn on them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image, UnidentifiedImageError

from mmcrossformer.apis.draw import draw_fitted, fitted_size
from mmcrossformer.apis.prediction import Prediction, above
from mmcrossformer.apis.predictor import Predictor, read_image
from mmcrossformer.datasets.scenes import compose_scene, load_digits, photographs
from mmcrossformer.utils.errors import UserError

MAX_MEGAPIXELS = 40
_SHOWN = 768  # pixels of the long side on the page
_SCENES = 4
_SCENE_SIZE = 160  # pixels, as in the embedded data set


def builtin_images() -> dict[str, np.ndarray]:
    """Scenes of digits that no training has seen, and photographs: pixels [H, W, 3], uint8, RGB, by name.

    They come out of the wheels of scikit-learn and scikit-image.
    """
    photos = photographs('val')
    grids, labels = load_digits('val')
    pictures = {}
    for number, photo in zip(range(1, _SCENES + 1), photos.values(), strict=False):
        rng = np.random.default_rng(number)
        picks = rng.integers(len(grids), size=5)
        digits = [(grids[pick], int(labels[pick])) for pick in picks]
        pictures[f'digits {number}'] = compose_scene(photo, digits, (32, 80), _SCENE_SIZE, rng).image
    return pictures | {Path(name).stem: photo for name, photo in photos.items()}


def read_upload(path: str | Path) -> np.ndarray:
    """Reads an image that somebody uploaded.

    Returns:
        Pixels [H, W, 3], uint8, RGB.

    Raises:
        UserError: No picture, or one of so many pixels that it is not decoded.
    """
    try:
        with Image.open(path) as header:
            width, height = header.size
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError) as error:
        raise UserError(f'{Path(path).name} is no picture that can be read: choose a JPEG or PNG file') from error
    if width * height > MAX_MEGAPIXELS * 1e6:
        raise UserError(
            f'{Path(path).name} has {width} x {height} pixels, which is more than {MAX_MEGAPIXELS} megapixels: '
            'choose a smaller one'
        )
    return read_image(path)


def draw_overlay(image: np.ndarray, prediction: Prediction, predictor: Predictor, score: float) -> np.ndarray:
    """Draws a prediction on an image at the size of the page.

    Args:
        image: Pixels [H, W, 3], uint8, RGB.
        prediction: What was found on it.
        predictor: Tells the classes and their colours.
        score: Least score of what is drawn.

    Returns:
        Pixels [h, w, 3], uint8, RGB.
    """
    shown = above(prediction, score)
    if prediction.task == 'classification':
        shown = replace(shown, labels=shown.labels[:0], scores=shown.scores[:0])  # the page lists them beside it
    return draw_fitted(image, shown, predictor.classes, predictor.palette, _SHOWN)


def shown_size(image: np.ndarray) -> tuple[int, int]:
    """Height and width at which an image is shown."""
    return fitted_size(image, _SHOWN)


def find_pixel(image: np.ndarray, x: float, y: float) -> tuple[int, int]:
    """Row and column of the pixel that is shown at (x, y)."""
    shown = shown_size(image)
    row, col = (int(place * side / size) for place, side, size in zip((y, x), image.shape[:2], shown, strict=True))
    return min(max(row, 0), image.shape[0] - 1), min(max(col, 0), image.shape[1] - 1)


def rasterize(figure: Figure) -> np.ndarray:
    """Pixels [H, W, 3], uint8, RGB, of a figure."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()
