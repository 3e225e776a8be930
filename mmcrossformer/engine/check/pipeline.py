"""Takes one sample of a data set through its pipeline."""

import copy
from collections.abc import Iterator
from typing import Any

from mmengine.config import Config
from mmengine.registry import TRANSFORMS

from mmcrossformer.config.walk import dicts_in, evaluators_of
from mmcrossformer.engine.check.finding import Finding
from mmcrossformer.utils.errors import innermost, names

# What mmdet's detectors and metrics look up in each sample.
_META_KEYS = ('img_id', 'ori_shape', 'img_shape', 'scale_factor')


def check_pipeline(cfg: Config, settings: dict[str, Any], part: str, sample: dict[str, Any] | None) -> list[Finding]:
    """Takes a sample through the pipeline of a data set, and looks at what the model would get.

    Args:
        cfg: Config to train.
        settings: Settings of the data set.
        part: `train` or `val`.
        sample: The sample as the data set lists it; None for a data set without any.

    Returns:
        The findings. The result is compared with what the model needs only where no wrapper has further steps.
    """
    if sample is None:
        return []
    result = copy.deepcopy(sample)
    for i, step in enumerate(settings.get('pipeline') or ()):
        kind = step.get('type') if isinstance(step, dict) else step
        where = f'step {i} ({getattr(kind, "__name__", kind)}) of the pipeline of {part}_dataloader'
        try:
            transform = TRANSFORMS.build(step) if isinstance(step, dict) else step
        except Exception as error:  # a step of any library can raise anything
            return [Finding(f'{where} cannot be built: {innermost(error)}')]
        if hasattr(transform, 'get_indexes'):
            return [
                Finding(
                    f'{where} mixes several images, which only a MultiImageMixDataset provides: wrap the data set in '
                    "dict(type='MultiImageMixDataset', dataset=..., pipeline=[...]), with this step and the later ones "
                    'in its pipeline'
                )
            ]
        try:
            result = transform(result)
        except Exception as error:
            return [Finding(f'{where} fails with {sample.get("img_path")}: {innermost(error)}')]
        if result is None:  # the data set would take another sample
            return []
    wrapped = any('pipeline' in node and 'dataset' in node for node in dicts_in(cfg[f'{part}_dataloader'].dataset))
    if wrapped or cfg.default_scope != 'mmdet':
        return []
    if not isinstance(result, dict) or not {'inputs', 'data_samples'} <= result.keys():
        return [
            Finding(
                f'the pipeline of {part}_dataloader does not make the inputs and data_samples of a model: its last '
                "step must be dict(type='PackDetInputs')"
            )
        ]
    finds_boxes = any('bbox_head' in node for node in dicts_in(cfg.model))
    return list(_check_detection(cfg, part, result['data_samples'])) if finds_boxes else []


def _check_detection(cfg: Config, part: str, sample: Any) -> Iterator[Finding]:
    """Checks a packed sample for what detectors train on, or what their predictions and metrics need."""
    truth = sample.get('gt_instances', {})
    if part == 'train':
        if 'bboxes' not in truth:
            yield _lacks(part, 'boxes', 'with_bbox')
        elif any(node.get('mask_head') for node in dicts_in(cfg.model)) and 'masks' not in truth:
            yield _lacks(part, 'masks, which model.roi_head.mask_head trains on', 'with_mask')
        return
    missing = [key for key in _META_KEYS if key not in sample.metainfo]
    if missing:
        yield Finding(
            f'samples of {part}_dataloader have no {names(missing)}, which predictions and metrics need: PackDetInputs '
            f'must list {names(missing)} in meta_keys'
            + (', and a step before it must set it, such as Resize' if 'scale_factor' in missing else '')
        )
    for evaluator in evaluators_of(cfg, part):
        kind = str(evaluator.get('type')).rpartition('.')[2]
        if kind == 'VOCMetric' and 'bboxes' not in truth:
            yield _lacks(part, f'boxes, which {kind} compares with', 'with_bbox')
        if kind == 'CocoMetric' and not evaluator.get('ann_file') and 'instances' not in sample.metainfo:
            yield Finding(
                f'{part}_evaluator ({kind}) has nothing to compare with: set its ann_file to the annotation file of '
                f"{part}_dataloader.dataset, or add 'instances' to meta_keys of PackDetInputs in {part}_dataloader"
            )


def _lacks(part: str, what: str, argument: str) -> Finding:
    return Finding(
        f'samples of {part}_dataloader have no {what}: its pipeline needs '
        f"dict(type='LoadAnnotations', {argument}=True) before PackDetInputs"
    )
