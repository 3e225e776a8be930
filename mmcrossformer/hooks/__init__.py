"""Hooks of the training loop."""

from mmcrossformer.hooks.checkpoint import AtomicCheckpointHook
from mmcrossformer.hooks.curves import CurvesHook
from mmcrossformer.hooks.progress import ProgressHook
from mmcrossformer.hooks.provenance import ProvenanceHook
from mmcrossformer.hooks.random_state import RandomStateHook

__all__ = ['AtomicCheckpointHook', 'CurvesHook', 'ProgressHook', 'ProvenanceHook', 'RandomStateHook']
