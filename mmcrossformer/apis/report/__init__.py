"""A report of a training run as an HTML page."""

from mmcrossformer.apis.report.evaluate import Evaluation, evaluate
from mmcrossformer.apis.report.examples import best_and_worst
from mmcrossformer.apis.report.page import Report, write_page

__all__ = ['Evaluation', 'Report', 'best_and_worst', 'evaluate', 'write_page']
