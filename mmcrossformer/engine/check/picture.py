"""Looks at one image file, and at what the pipeline makes of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.registry import TRANSFORMS
from PIL import Image, ImageOps, UnidentifiedImageError

from mmcrossformer.config.walk import dicts_in, type_name
from mmcrossformer.utils.errors import innermost

Size = tuple[int, int]
Load = Callable[[Path], np.ndarray]

_ORIENTATION = 0x0112
# Orientations that swap width and height.
_TURNED = (5, 6, 7, 8)
# Images of these formats and modes are loaded as they are; of others, the pipeline's own step is asked.
_PLAIN_FORMATS = ('JPEG', 'MPO', 'PNG')
_PLAIN_MODES = ('RGB', 'L')


@dataclass(frozen=True)
class Picture:
    """What an image file holds and how it is loaded.

    Attributes:
        stored: Width and height in the file.
        loaded: Width and height in training.
        turned: Whether loading turned or mirrored the image by its EXIF orientation.
        unclear: Whether the size is the same before and after that.
        losses: What loading loses.
        flat: Whether loading leaves two values or fewer, and there were more.
    """

    stored: Size
    loaded: Size
    turned: bool = False
    unclear: bool = False
    losses: list[str] = field(default_factory=list)
    flat: bool = False


def build_load(pipeline: Sequence[dict[str, Any]]) -> Load | None:
    """Returns a function that loads an image by the pipeline's own step; None if it has no `LoadImageFromFile`.

    Args:
        pipeline: Steps of a pipeline.
    """
    steps = (step for step in dicts_in(list(pipeline)) if type_name(step) == 'LoadImageFromFile')
    settings = next(steps, None)
    if settings is None:
        return None
    step = TRANSFORMS.build(dict(settings))

    def load(path: Path) -> np.ndarray:
        result = step.transform(dict(img_path=str(path)))
        if result is None:  # with ignore_empty=True
            raise OSError('it is empty')
        return result['img']

    return load


def look_at(path: Path, load: Load | None = None) -> Picture | str:
    """Decodes an image; returns what is wrong if it cannot be decoded.

    Args:
        path: Path of the image.
        load: Loads an image as training does, see `build_load`. It is called where the result may differ from what the
            file holds.
    """
    try:
        with Image.open(path) as image:
            return _describe(image, path, load)
    except UnidentifiedImageError:
        return _load_only(path, load) if load else 'no image'
    except Image.DecompressionBombError as error:
        return _load_only(path, load) if load else str(error)
    except Exception as error:  # a decoder can raise anything
        return str(error)


def _describe(image: Image.Image, path: Path, load: Load | None) -> Picture:
    # Pillow reads images of 16 bits and several channels as 8 bits; until they are read, their blocks tell.
    deep = image.mode[0] in 'IF' or any(';16' in str(tile) for tile in getattr(image, 'tile', ()))
    frames = 1 if image.format == 'MPO' else getattr(image, 'n_frames', 1)  # MPO: previews and maps of a camera
    image.load()
    orientation = image.getexif().get(_ORIENTATION, 1)
    plain = image.format in _PLAIN_FORMATS and image.mode in _PLAIN_MODES and not deep
    if load is None or (plain and orientation == 1 and frames == 1 and 'transparency' not in image.info):
        return Picture(image.size, image.size)
    loaded = load(path)
    height, width = loaded.shape[:2]
    turned = orientation != 1 and _is_turned(image, loaded)
    unclear = turned and (orientation not in _TURNED or width == height)
    values, levels = np.asarray(image), len(np.unique(loaded))
    flat = levels <= 2 < len(np.unique(values))
    losses = []
    if deep and loaded.dtype == np.uint8:
        losses.append(f'more than 8 bits: values {values.min():g} to {values.max():g} become {levels} levels')
    if image.has_transparency_data and np.asarray(image.convert('RGBA'))[..., 3].min() < 255:
        losses.append('transparent parts, whose hidden colours are seen')
    if image.mode == 'CMYK':
        losses.append('CMYK, converted without its colour profile')
    if image.mode == 'P' and loaded.ndim == 2:
        losses.append('a palette, of which the indices are loaded, not the colours')
    if frames > 1:
        losses.append(f'{frames} frames, of which the first is loaded')
    return Picture(image.size, (width, height), turned, unclear, losses, flat)


def _load_only(path: Path, load: Load) -> Picture | str:
    """Describes an image that Pillow cannot read."""
    try:
        height, width = load(path).shape[:2]
    except AssertionError:  # mmcv's step, which got nothing from the decoder
        return 'no image'
    except Exception as error:  # a decoder can raise anything
        return innermost(error)
    return Picture((width, height), (width, height))


def _is_turned(image: Image.Image, loaded: np.ndarray) -> bool:
    """Whether a loaded image is like the upright one rather than the stored one."""
    grey = loaded.reshape(*loaded.shape[:2], -1)[..., :3].mean(-1)

    def distance(other: Image.Image) -> float:
        values = np.asarray(other.convert('L'))
        return float(np.abs(values - grey).mean()) if values.shape == grey.shape else np.inf

    return distance(ImageOps.exif_transpose(image)) < distance(image)
