"""Deprecated alias of `mmcrossformer.apis.predictor` and `.prediction`; will be removed in version 0.2."""

import warnings

from mmcrossformer.apis.prediction import Prediction, Task, above, class_name
from mmcrossformer.apis.predictor import Predictor, read_image

__all__ = ['Prediction', 'Predictor', 'Task', 'above', 'class_name', 'read_image']

warnings.warn(
    'mmcrossformer.engine.inference is now mmcrossformer.apis.predictor and mmcrossformer.apis.prediction; the old '
    'name will be removed in version 0.2 of mmcrossformer',
    DeprecationWarning,
    stacklevel=2,
)
