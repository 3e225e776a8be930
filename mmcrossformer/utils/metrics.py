"""Metrics of the host libraries."""

import json
import math
from collections.abc import Container
from pathlib import Path
from typing import Any

# The first of these that a test reports is the result: a panoptic one has boxes and masks as parts.
METRICS = ('coco_panoptic/PQ', 'coco/segm_mAP', 'coco/bbox_mAP', 'pascal_voc/mAP', 'mIoU', 'accuracy/top1')


def main_metric(*results: Container[str]) -> str | None:
    """Returns the first of `METRICS` that all results have; None if they share none."""
    return next((name for name in METRICS if all(name in result for result in results)), None)


def read_metrics(path: Path) -> dict[str, Any]:
    """Reads `metrics.json` of a test; null, which stands for numbers that are not finite, as NaN."""
    return {name: math.nan if value is None else value for name, value in json.loads(path.read_text()).items()}
