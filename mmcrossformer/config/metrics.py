"""The metrics that the evaluators of a config report."""

import re
from dataclasses import dataclass, field
from typing import Any

from mmengine.config import Config

from mmcrossformer.config.walk import evaluators_of, type_name
from mmcrossformer.utils.errors import UserError
from mmcrossformer.utils.metrics import METRICS


@dataclass(frozen=True)
class _Evaluator:
    """What a type of evaluator reports.

    Attributes:
        prefix: What precedes the names of its metrics by default.
        argument: The argument that lists its results; None if it has none.
        default: Its default.
        results: Result -> pattern of its names; without an entry, the result is a number of classes, the k of top-k.
    """

    prefix: str | None
    argument: str | None
    default: object
    results: dict[object, str] = field(default_factory=dict)


_COCO = _Evaluator(
    'coco',
    'metric',
    'bbox',
    dict(
        bbox=r'bbox_mAP(_50|_75|_s|_m|_l)?|\w+_precision',
        segm=r'segm_mAP(_50|_75|_s|_m|_l)?|\w+_precision',
        proposal=r'(s_|m_|l_)?AR@\d+|AR_[sml]@\d+',
        proposal_fast=r'AR@\d+',
    ),
)
_EVALUATORS = {
    'CocoMetric': _COCO,
    'FasterCocoMetric': _COCO,
    'CocoPanopticMetric': _Evaluator('coco_panoptic', None, 'PQ', dict(PQ=r'PQ|SQ|RQ|[PSR]Q_(th|st)')),
    'IoUMetric': _Evaluator(
        None,
        'iou_metrics',
        'mIoU',
        dict(mIoU='aAcc|mIoU|mAcc', mDice='aAcc|mDice|mAcc', mFscore='aAcc|mFscore|mPrecision|mRecall'),
    ),
    'VOCMetric': _Evaluator('pascal_voc', 'metric', 'mAP', dict(mAP=r'mAP|AP\d+', recall=r'(recall|AR)@[\d.@]+')),
    'Accuracy': _Evaluator('accuracy', 'topk', 1),
}


def metric_patterns(evaluator: dict[str, Any]) -> list[str] | None:
    """Returns regular expressions of the names that an evaluator reports; None if its type is not known."""
    known = _EVALUATORS.get(type_name(evaluator))
    if known is None:
        return None
    listed = evaluator.get(known.argument, known.default) if known.argument else known.default
    patterns = []
    for item in listed if isinstance(listed, list | tuple) else [listed]:
        pattern = known.results.get(item, '') if known.results else rf'top{item}(_thr-[\d.]+)?'
        patterns.append(f'{_prefix(evaluator)}({pattern})')
    return patterns


def main_metric_of(cfg: Config) -> str:
    """Returns the name of the main metric that the evaluators of the validation report, such as 'coco/segm_mAP'.

    It is the first of `utils.metrics.METRICS` that one of them reports, also with a prefix of the config's own.

    Raises:
        UserError: The config has no validation, or evaluators whose main metric is not known.
    """
    evaluators = evaluators_of(cfg, 'val')
    for metric in METRICS:
        for evaluator in evaluators:
            name = _prefix(evaluator) + metric.rpartition('/')[2]
            if any(re.fullmatch(pattern, name) for pattern in metric_patterns(evaluator) or ()):
                return name
    types = ', '.join(type_name(evaluator) for evaluator in evaluators) or 'none'
    raise UserError(
        f'the main metric of val_evaluator is not known ({types}); it is of {", ".join(_EVALUATORS)}: name it in '
        'custom_hooks, as metric of BestHook or monitor of PatienceHook'
    )


def _prefix(evaluator: dict[str, Any]) -> str:
    """Returns the prefix of an evaluator's names with its slash; empty if it has none."""
    known = _EVALUATORS.get(type_name(evaluator))
    prefix = evaluator.get('prefix') or (known.prefix if known else None)
    return f'{prefix}/' if prefix else ''
