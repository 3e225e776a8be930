"""What is wrong with a job, reported before it starts: by the command that checks and by the one that trains."""

from mmcrossformer.engine.check.finding import Finding
from mmcrossformer.engine.check.images import Limits
from mmcrossformer.engine.check.job import check_job

__all__ = ['Finding', 'Limits', 'check_job']
