"""A report of a training run as an HTML page."""

from mmcrossformer.apis.report.evaluate import Evaluation, evaluate
from mmcrossformer.apis.report.page import Report, write_page
from mmcrossformer.apis.report.pictures import best_and_worst, draw_examples

__all__ = ['Evaluation', 'Report', 'best_and_worst', 'draw_examples', 'evaluate', 'write_page']
