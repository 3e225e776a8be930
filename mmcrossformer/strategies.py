"""Old place of what is in `mmcrossformer.engine.strategies`; goes with version 0.2."""

import warnings

from mmcrossformer.engine.strategies import FSDPStrategy, wrap_crossformer_blocks

__all__ = ['FSDPStrategy', 'wrap_crossformer_blocks']

warnings.warn(
    'mmcrossformer.strategies is now mmcrossformer.engine.strategies; the old name goes with version 0.2 of '
    'mmcrossformer',
    DeprecationWarning,
    stacklevel=2,
)
