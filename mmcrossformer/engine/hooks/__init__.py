"""Hooks of the training loop."""

from mmcrossformer.engine.hooks.amplitude import AmplitudeHook
from mmcrossformer.engine.hooks.best import BestHook
from mmcrossformer.engine.hooks.checkpoint import AtomicCheckpointHook
from mmcrossformer.engine.hooks.curves import CurvesHook
from mmcrossformer.engine.hooks.finite import FiniteLossHook
from mmcrossformer.engine.hooks.missed_validation import MissedValidationHook
from mmcrossformer.engine.hooks.patience import PatienceHook
from mmcrossformer.engine.hooks.pictures import PicturesHook
from mmcrossformer.engine.hooks.progress import ProgressHook
from mmcrossformer.engine.hooks.provenance import ProvenanceHook
from mmcrossformer.engine.hooks.random_state import RandomStateHook
from mmcrossformer.engine.hooks.report import ReportHook
from mmcrossformer.engine.hooks.resumed_schedule import ResumedScheduleHook
from mmcrossformer.engine.hooks.unreadable import SkipUnreadableHook

__all__ = [
    'AmplitudeHook',
    'AtomicCheckpointHook',
    'BestHook',
    'CurvesHook',
    'FiniteLossHook',
    'MissedValidationHook',
    'PatienceHook',
    'PicturesHook',
    'ProgressHook',
    'ProvenanceHook',
    'RandomStateHook',
    'ReportHook',
    'ResumedScheduleHook',
    'SkipUnreadableHook',
]
