"""Old place of what is in `mmcrossformer.engine.optim`; goes with version 0.2."""

import warnings

from mmcrossformer.engine.optim import LayerDecayOptimWrapperConstructor

__all__ = ['LayerDecayOptimWrapperConstructor']

warnings.warn(
    'mmcrossformer.optim is now mmcrossformer.engine.optim; the old name goes with version 0.2 of mmcrossformer',
    DeprecationWarning,
    stacklevel=2,
)
