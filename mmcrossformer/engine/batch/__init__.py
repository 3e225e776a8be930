"""Predictions on folders, files and videos."""

from mmcrossformer.engine.batch.processes import TIMEOUT, joined
from mmcrossformer.engine.batch.run import Choices, Summary, infer

__all__ = ['TIMEOUT', 'Choices', 'Summary', 'infer', 'joined']
