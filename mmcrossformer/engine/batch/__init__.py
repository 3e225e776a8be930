"""Predictions on folders, files and videos."""

from mmcrossformer.engine.batch.processes import joined
from mmcrossformer.engine.batch.run import Choices, Summary, infer

__all__ = ['Choices', 'Summary', 'infer', 'joined']
