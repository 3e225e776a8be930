"""Hooks of the training loop."""

from mmcrossformer.hooks.curves import CurvesHook
from mmcrossformer.hooks.progress import ProgressHook

__all__ = ['CurvesHook', 'ProgressHook']
