"""Evaluators that configs name; needs mmdet, which the package does not import by itself."""

from mmcrossformer.evaluators.faster_coco import FasterCocoMetric

__all__ = ['FasterCocoMetric']
