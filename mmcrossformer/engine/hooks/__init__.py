"""Hooks of the training loop."""

from mmcrossformer.hooks.amplitude import AmplitudeHook
from mmcrossformer.hooks.checkpoint import AtomicCheckpointHook
from mmcrossformer.hooks.curves import CurvesHook
from mmcrossformer.hooks.finite import FiniteLossHook
from mmcrossformer.hooks.progress import ProgressHook
from mmcrossformer.hooks.provenance import ProvenanceHook
from mmcrossformer.hooks.random_state import RandomStateHook
from mmcrossformer.hooks.report import ReportHook
from mmcrossformer.hooks.unreadable import SkipUnreadableHook

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
