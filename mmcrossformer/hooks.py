"""Old place of what is in `mmcrossformer.engine.hooks`; goes with version 0.2."""

import warnings

from mmcrossformer.engine.hooks import (
    AmplitudeHook,
    AtomicCheckpointHook,
    CurvesHook,
    FiniteLossHook,
    ProgressHook,
    ProvenanceHook,
    RandomStateHook,
    ReportHook,
    SkipUnreadableHook,
)

__all__ = [
    'AmplitudeHook',
    'AtomicCheckpointHook',
    'CurvesHook',
    'FiniteLossHook',
    'ProgressHook',
    'ProvenanceHook',
    'RandomStateHook',
    'ReportHook',
    'SkipUnreadableHook',
]

warnings.warn(
    'mmcrossformer.hooks is now mmcrossformer.engine.hooks; the old name goes with version 0.2 of mmcrossformer',
    DeprecationWarning,
    stacklevel=2,
)
