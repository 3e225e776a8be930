"""Deprecated alias of `mmcrossformer.engine.optim`; will be removed in version 0.2."""

import warnings

from mmcrossformer.engine.optim import LayerDecayOptimWrapperConstructor

__all__ = ['LayerDecayOptimWrapperConstructor']

warnings.warn(
    'mmcrossformer.optim is now mmcrossformer.engine.optim; the old name will be removed in version 0.2 of '
    'mmcrossformer',
    DeprecationWarning,
    stacklevel=2,
)
