"""Predictions on large pictures, tile by tile."""

from typing import TYPE_CHECKING

import numpy as np

from mmcrossformer.apis.prediction import Prediction
from mmcrossformer.apis.tiles.grid import OVERLAP, Tiling
from mmcrossformer.apis.tiles.objects import find_objects
from mmcrossformer.apis.tiles.segments import find_segments
from mmcrossformer.utils.errors import UserError

if TYPE_CHECKING:
    from mmcrossformer.apis.predictor import Predictor

__all__ = ['OVERLAP', 'Tiling', 'check_tiling', 'predict_tiled']


def predict_tiled(
    predictor: 'Predictor', image: np.ndarray, tiling: Tiling, short_side: int | None = None
) -> Prediction:
    """Predicts on the tiles of a picture and on the whole, and merges the results.

    Each tile, and the whole picture, shrunk where it is far larger than tiles, goes through the test pipeline of the
    config. Objects: docs/large_images.md tells how they are merged. Pixels: the class with the best mean score of the
    tiles, together with half the score of the whole picture. A picture that one tile holds is predicted as always.

    Args:
        predictor: Detector, with or without masks, or segmenter.
        image: Pixels [H, W, 3], uint8, RGB.
        tiling: How to cut it.
        short_side: Short side of the model's input in pixels, for tiles and the whole picture; None for the size in
            the config.

    Returns:
        The prediction. `input_size` is that of the whole picture, `masks` are `RunLengthMasks`.

    Raises:
        UserError: The model is none of these; or see `Predictor.prepare`.
    """
    check_tiling(predictor)
    tiles = tiling.cut(*image.shape[:2]) if image.ndim == 3 else []
    if not tiles:
        return predictor(image, short_side)
    if predictor.task == 'segmentation':
        return find_segments(predictor, image, tiling, tiles, short_side)
    return find_objects(predictor, image, tiling, tiles, short_side)


def check_tiling(predictor: 'Predictor') -> None:
    """Raises a `UserError` if the results of a model for tiles cannot be merged."""
    if predictor.task == 'classification':
        raise UserError('tiles are for detectors and segmenters: a classifier gives the whole picture one class')
    fusion = getattr(getattr(predictor, 'model', None), 'panoptic_fusion_head', None)
    if fusion is not None and (getattr(fusion, 'test_cfg', None) or {}).get('panoptic_on', True):
        raise UserError(
            'tiles are for boxes, masks of objects and segmenters; this model is panoptic, and instances of tiles '
            'cannot be joined in its maps: use it without tiles'
        )
