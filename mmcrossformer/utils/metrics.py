"""Metrics of the host libraries."""

from collections.abc import Container

# The first of these that a test reports is the result.
METRICS = ('coco/segm_mAP', 'coco/bbox_mAP', 'mIoU', 'accuracy/top1')


def main_metric(*results: Container[str]) -> str | None:
    """Returns the first of `METRICS` that all results have; None if they share none."""
    return next((name for name in METRICS if all(name in result for result in results)), None)
