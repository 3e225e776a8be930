"""Deprecated alias of `mmcrossformer.engine.hooks`; will be removed in version 0.2."""

import warnings

from mmcrossformer.engine.hooks import *  # noqa: F403
from mmcrossformer.engine.hooks import __all__  # noqa: F401

warnings.warn(
    'mmcrossformer.hooks is now mmcrossformer.engine.hooks; the old name will be removed in version 0.2 of '
    'mmcrossformer',
    DeprecationWarning,
    stacklevel=2,
)
