"""Images of the page: built-in ones, uploads, and drawn predictions."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from mmcrossformer.apis.draw import draw_fitted, fitted_size
from mmcrossformer.apis.prediction import Prediction, above
from mmcrossformer.apis.predictor import Predictor, read_image
from mmcrossformer.datasets.scenes import compose_scene, load_digits, photographs
from mmcrossformer.utils.errors import UserError
from mmcrossformer.utils.figures import prepare_texts

MAX_MEGAPIXELS = 40
_SHOWN = 768  # pixels of the long side on the page
_SCENES = 4
_SCENE_SIZE = 160  # pixels, as in the embedded data set


def builtin_images() -> dict[str, np.ndarray]:
    """Returns held-out scenes of digits and photographs: pixels [H, W, 3], uint8, RGB, by name.

    They are made from data in the packages scikit-learn and scikit-image.
    """
    photos = photographs('val')
    grids, labels = load_digits('val')
    images = {}
    for number, photo in zip(range(1, _SCENES + 1), photos.values(), strict=False):
        rng = np.random.default_rng(number)
        picks = rng.integers(len(grids), size=5)
        digits = [(grids[pick], int(labels[pick])) for pick in picks]
        images[f'digits {number}'] = compose_scene(photo, digits, (32, 80), _SCENE_SIZE, rng).image
    return images | {Path(name).stem: photo for name, photo in photos.items()}


def read_upload(path: str | Path) -> np.ndarray:
    """Reads an uploaded image.

    Returns:
        Pixels [H, W, 3], uint8, RGB.

    Raises:
        UserError: The file is not an image, or has too many pixels.
    """
    try:
        with Image.open(path) as header:
            width, height = header.size
    except Image.DecompressionBombError as error:  # Pillow's own limit, above that of the page
        raise _too_large(path) from error
    except OSError as error:
        raise UserError(f'{Path(path).name} cannot be read as an image: choose a JPEG or PNG file') from error
    if width * height > MAX_MEGAPIXELS * 1e6:
        raise _too_large(path)
    return read_image(path)


def _too_large(path: str | Path) -> UserError:
    return UserError(
        f'{Path(path).name} has more than {MAX_MEGAPIXELS} megapixels, the limit of this page: choose a smaller image, '
        'or run `mmcrossformer infer`, which has no such limit'
    )


def draw_overlay(image: np.ndarray, prediction: Prediction, predictor: Predictor, score: float) -> np.ndarray:
    """Draws a prediction on an image at the size of the page.

    Args:
        image: Pixels [H, W, 3], uint8, RGB.
        prediction: Prediction on the image.
        predictor: Predictor with the classes and their colours.
        score: Lowest score that is drawn.

    Returns:
        Pixels [h, w, 3], uint8, RGB.
    """
    shown = above(prediction, score)
    if prediction.task == 'classification':
        shown = replace(
            shown, labels=shown.labels[:0], scores=shown.scores[:0]
        )  # the page lists them next to the image
    return draw_fitted(image, shown, predictor.classes, predictor.palette, _SHOWN)


def shown_size(image: np.ndarray) -> tuple[int, int]:
    """Returns height and width at which an image is shown."""
    return fitted_size(image, _SHOWN)


def find_pixel(image: np.ndarray, x: float, y: float) -> tuple[int, int]:
    """Returns row and column of the pixel that is shown at (x, y)."""
    shown = shown_size(image)
    row, col = (int(place * side / size) for place, side, size in zip((y, x), image.shape[:2], shown, strict=True))
    return min(max(row, 0), image.shape[0] - 1), min(max(col, 0), image.shape[1] - 1)


def rasterize(figure: Figure) -> np.ndarray:
    """Renders a figure to pixels [H, W, 3], uint8, RGB."""
    prepare_texts(figure)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()
