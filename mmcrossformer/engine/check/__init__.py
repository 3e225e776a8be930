"""What is wrong with a job, told before it starts."""

from mmcrossformer.engine.check.finding import Finding
from mmcrossformer.engine.check.job import check_job

__all__ = ['Finding', 'check_job']
