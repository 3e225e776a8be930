"""Draws predictions on images, at the size of the image or another one."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Literal

import cv2
import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torchvision.utils import draw_segmentation_masks

from mmcrossformer.apis.boxes import draw_boxes
from mmcrossformer.apis.colors import Color
from mmcrossformer.apis.prediction import Prediction
from mmcrossformer.utils.errors import UserError
from mmcrossformer.utils.labels import class_labels

OPACITY = 0.5  # of masks and segments
LONGEST_JPEG = 65_500  # pixels of a side that OpenCV writes
ColorBy = Literal['class', 'object']


def draw_prediction(
    image: np.ndarray,
    prediction: Prediction,
    classes: Sequence[str],
    palette: Sequence[Color],
    scores: bool = True,
    color_by: ColorBy = 'class',
) -> np.ndarray:
    """Draws boxes and masks, classes of pixels, or the best class.

    Args:
        image: Pixels [H, W, 3], uint8, RGB.
        prediction: The prediction; all of it is drawn.
        classes: Names of the classes; see `class_labels` for those that cannot be drawn.
        palette: Their colours.
        scores: Whether to write scores behind the class names.
        color_by: Whether each class or, for detectors, each object has a colour of its own; objects take the colours
            of the palette in turn.

    Returns:
        A new image of the same shape.
    """
    if color_by == 'class':
        colors = [palette[label] for label in prediction.labels]
    else:
        colors = [palette[i % len(palette)] for i in range(len(prediction.labels))]
    canvas = torch.from_numpy(image.copy()).permute(2, 0, 1)
    if prediction.segments is not None:
        canvas = _draw_segments(canvas, torch.from_numpy(prediction.segments.astype(np.int64)), palette)
    elif prediction.masks is not None and len(prediction.masks):
        canvas = _draw_masks(canvas, prediction.masks, colors)
    drawn = canvas.permute(1, 2, 0).contiguous().numpy()
    if not len(prediction.labels):
        return drawn
    height, width = image.shape[:2]
    whole = np.array([[0, 0, width - 1, height - 1]])  # the best class of an image
    boxes = whole if prediction.boxes is None else prediction.boxes
    labels = prediction.labels[: len(boxes)]
    values = [f'{score:.2f}' if scores else '' for score in prediction.scores[: len(boxes)]]
    return draw_boxes(drawn, boxes, class_labels(classes, labels), values, colors[: len(boxes)])


def resize_prediction(prediction: Prediction, size: tuple[int, int], new_size: tuple[int, int]) -> Prediction:
    """Scales a prediction to a larger or smaller image, so that drawn lines and letters are sharp.

    Args:
        prediction: The prediction.
        size: Height and width of its image in pixels.
        new_size: Height and width of the new image in pixels.
    """
    (old_height, old_width), (height, width) = size, new_size
    rows = np.arange(height)[:, None] * old_height // height
    cols = np.arange(width) * old_width // width
    boxes, masks, segments = prediction.boxes, prediction.masks, prediction.segments
    return replace(
        prediction,
        boxes=None if boxes is None else boxes * np.array([width / old_width, height / old_height] * 2),
        masks=None if masks is None else masks[:, rows, cols],
        segments=None if segments is None else segments[rows, cols],
    )


def fitted_size(image: np.ndarray, long_side: int) -> tuple[int, int]:
    """Returns height and width of an image [H, W, 3] after scaling its long side to `long_side` pixels."""
    factor = long_side / max(image.shape[:2])
    height, width = (max(1, round(side * factor)) for side in image.shape[:2])
    return height, width


def draw_fitted(
    image: np.ndarray,
    prediction: Prediction,
    classes: Sequence[str],
    palette: Sequence[Color],
    long_side: int,
    scores: bool = True,
    color_by: ColorBy = 'class',
) -> np.ndarray:
    """Scales an image and draws on the result, so that lines and letters are sharp.

    Args:
        image: Pixels [H, W, 3], uint8, RGB.
        prediction: The prediction to draw.
        classes: See `draw_prediction`.
        palette: See `draw_prediction`.
        long_side: Long side of the result in pixels.
        scores: See `draw_prediction`.
        color_by: See `draw_prediction`.

    Returns:
        Pixels [h, w, 3], uint8, RGB.
    """
    size = fitted_size(image, long_side)
    canvas = np.asarray(Image.fromarray(image).resize(size[::-1], Image.Resampling.BICUBIC))
    return draw_prediction(
        canvas, resize_prediction(prediction, image.shape[:2], size), classes, palette, scores, color_by
    )


def encode_jpeg(image: np.ndarray, quality: int) -> bytes:
    """Encodes an image as JPEG.

    Args:
        image: Pixels [H, W, 3], uint8, RGB.
        quality: From 0 to 100.

    Raises:
        UserError: A side is longer than JPEG files allow.
    """
    if max(image.shape[:2]) > LONGEST_JPEG:
        height, width = image.shape[:2]
        raise UserError(f'{width} x {height} pixels cannot be a JPEG file: its sides have at most {LONGEST_JPEG}')
    pixels = np.ascontiguousarray(image[..., ::-1])
    return cv2.imencode('.jpg', pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()


def _draw_segments(canvas: Tensor, segments: Tensor, palette: Sequence[Color]) -> Tensor:
    present = [label for label in segments.unique().tolist() if 0 <= label < len(palette)]
    if not present:
        return canvas
    masks = segments == torch.tensor(present)[:, None, None]
    return draw_segmentation_masks(canvas, masks, OPACITY, [palette[label] for label in present])


def _draw_masks(canvas: Tensor, masks: Iterable[np.ndarray], colors: Sequence[Color]) -> Tensor:
    """Draws masks of objects, each pixel in the colour of the first, which has the best score."""
    painted, is_free = canvas.clone(), torch.ones(canvas.shape[1:], dtype=torch.bool)
    for mask, color in zip(masks, colors, strict=True):
        pixels = torch.from_numpy(mask) & is_free
        painted[:, pixels] = torch.tensor(color, dtype=torch.uint8)[:, None]
        is_free &= ~pixels
    return (canvas * (1 - OPACITY) + painted * OPACITY).to(torch.uint8)
