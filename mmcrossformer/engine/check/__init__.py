"""Checks of a job before it starts, for the commands check and train."""

from mmcrossformer.engine.check.finding import Finding
from mmcrossformer.engine.check.images import Limits
from mmcrossformer.engine.check.job import check_job

__all__ = ['Finding', 'Limits', 'check_job']
