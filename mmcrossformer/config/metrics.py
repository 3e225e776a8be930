"""The metric by which a config's results are compared."""

from mmengine.config import Config

from mmcrossformer.config.walk import evaluators_of, type_name
from mmcrossformer.utils.errors import UserError

# Type of evaluator -> its prefix, the argument that lists its results, its default, and main results, best first.
_MAIN: dict[str, tuple[str | None, str, object, dict[object, str]]] = {
    'CocoMetric': ('coco', 'metric', 'bbox', dict(segm='segm_mAP', bbox='bbox_mAP')),
    'CocoPanopticMetric': ('coco_panoptic', '', 'PQ', dict(PQ='PQ')),
    'IoUMetric': (None, 'iou_metrics', 'mIoU', dict(mIoU='mIoU')),
    'Accuracy': ('accuracy', 'topk', 1, {1: 'top1'}),
}


def main_metric_of(cfg: Config) -> str:
    """Returns the name of the main metric that the evaluators of the validation report, such as 'coco/segm_mAP'.

    Raises:
        UserError: The config has no validation, or evaluators whose main metric is not known.
    """
    found: list[str] = []
    evaluators = evaluators_of(cfg, 'val')
    for evaluator in evaluators:
        prefix, argument, default, results = _MAIN.get(type_name(evaluator), (None, '', None, {}))
        listed = evaluator.get(argument, default) if argument else default
        listed = listed if isinstance(listed, list | tuple) else [listed]
        prefix = evaluator.get('prefix') or prefix
        found += [f'{prefix}/{name}' if prefix else name for item, name in results.items() if item in listed]
    if not found:
        types = ', '.join(type_name(evaluator) for evaluator in evaluators) or 'none'
        raise UserError(
            f'the main metric of val_evaluator is not known ({types}); it is of {", ".join(_MAIN)}: name it in '
            'custom_hooks, as metric of BestHook or monitor of PatienceHook'
        )
    # A panoptic config also reports boxes and masks, which are parts of its result.
    return next((name for name in found if name.endswith('/PQ')), found[0])
