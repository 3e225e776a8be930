"""Checks of a job before it starts, for the commands check and train."""

from mmcrossformer.engine.check.balance import ClassTable, class_tables
from mmcrossformer.engine.check.contents import Contents
from mmcrossformer.engine.check.finding import Finding
from mmcrossformer.engine.check.images import Limits
from mmcrossformer.engine.check.job import Report, check_job, examine_job

__all__ = ['ClassTable', 'Contents', 'Finding', 'Limits', 'Report', 'check_job', 'class_tables', 'examine_job']
