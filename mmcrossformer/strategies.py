"""Deprecated alias of `mmcrossformer.engine.strategies`; will be removed in version 0.2."""

import warnings

from mmcrossformer.engine.strategies import FSDPStrategy, wrap_crossformer_blocks

__all__ = ['FSDPStrategy', 'wrap_crossformer_blocks']

warnings.warn(
    'mmcrossformer.strategies is now mmcrossformer.engine.strategies; the old name will be removed in version 0.2 of '
    'mmcrossformer',
    DeprecationWarning,
    stacklevel=2,
)
