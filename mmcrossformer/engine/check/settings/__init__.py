"""Checks settings that contradict each other, without a look at the data."""

from mmcrossformer.engine.check.settings.check import check_settings

__all__ = ['check_settings']
