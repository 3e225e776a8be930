"""Old place of what is in `mmcrossformer.engine.hooks`; goes with version 0.2."""

import warnings

from mmcrossformer.engine.hooks import *  # noqa: F403
from mmcrossformer.engine.hooks import __all__  # noqa: F401

warnings.warn(
    'mmcrossformer.hooks is now mmcrossformer.engine.hooks; the old name goes with version 0.2 of mmcrossformer',
    DeprecationWarning,
    stacklevel=2,
)
