"""Checks that samples have what losses and evaluators look up."""

from collections.abc import Sequence
from typing import Any

from mmengine.config import Config

from mmcrossformer.config.walk import dicts_in, evaluators_of, type_name
from mmcrossformer.engine.check.finding import Finding
from mmcrossformer.utils.errors import names

# Evaluators of mmpretrain that compare with one label.
_OF_LABELS = ('Accuracy', 'SingleLabelMetric', 'ConfusionMatrix')


def check_targets(cfg: Config, part: str, samples: Sequence[dict[str, Any]], place: str) -> list[Finding]:
    """Checks annotations and sizes that the samples of a pipeline come with.

    Args:
        cfg: The config.
        part: `train` or `val`.
        samples: What the pipeline gives.
        place: The pipeline, for the messages.

    Returns:
        At most one finding, of the first sample that has one.
    """
    kinds = dict(DetDataSample=_detection, SegDataSample=_segmentation, DataSample=_classification)
    for sample in samples:
        check = kinds.get(type(sample['data_samples']).__name__)
        text = check(cfg, part, sample['inputs'], sample['data_samples']) if check else ''
        if text:
            return [Finding(f'{place} {text}')]
    return []


def _detection(cfg: Config, part: str, inputs: Any, sample: Any) -> str:
    parts = {key for node in dicts_in(cfg.model) for key, value in node.items() if value}
    if part == 'train':
        wanted = dict(labels='with_label')
        wanted |= dict(bboxes='with_bbox') if parts & {'bbox_head', 'rpn_head'} else {}
        wanted |= dict(masks='with_mask') if parts & {'mask_head', 'panoptic_head'} else {}
        missing = [name for name in wanted if name not in sample.get('gt_instances', ())]
        options = ', '.join(f'{wanted[name]}=True' for name in missing)
        return (
            f'gives no {names(missing)}, which the model trains on: put '
            f"dict(type='LoadAnnotations', {options}) behind LoadImageFromFile"
            if missing
            else ''
        )
    needed = ['ori_shape', 'img_shape', *(['scale_factor'] if 'bbox_head' in parts else [])]
    needed += ['img_id'] if _evaluates(cfg, ('CocoMetric', 'FasterCocoMetric')) else []
    missing = [key for key in needed if key not in sample.metainfo]
    advice = 'add them to meta_keys of PackDetInputs'
    if 'scale_factor' in missing:
        advice += '; scale_factor is set by Resize'
    if missing:
        return f'gives no {names(missing)}, which predictions need: {advice}'
    if _evaluates(cfg, ('VOCMetric',)) and 'bboxes' not in sample.get('gt_instances', ()):
        return (
            "gives no boxes, which VOCMetric compares with: put dict(type='LoadAnnotations', with_bbox=True) before "
            'PackDetInputs'
        )
    bare = any(_is_coco(evaluator) and not evaluator.get('ann_file') for evaluator in evaluators_of(cfg, 'val'))
    if bare and 'instances' not in sample.metainfo:
        return (
            'gives no instances, and CocoMetric has no ann_file to compare with: set val_evaluator.ann_file to the '
            "annotation file of val_dataloader.dataset, or add 'instances' to meta_keys of PackDetInputs"
        )
    return ''


def _is_coco(evaluator: dict[str, Any]) -> bool:
    return type_name(evaluator) in ('CocoMetric', 'FasterCocoMetric')


def _segmentation(cfg: Config, part: str, inputs: Any, sample: Any) -> str:
    if 'gt_depth_map' in sample or (part == 'val' and not _evaluates(cfg, ('IoUMetric',))):
        return ''
    if 'gt_sem_seg' not in sample:
        where = 'behind LoadImageFromFile' if part == 'train' else 'before PackSegInputs, behind Resize'
        return f"gives no label map: put dict(type='LoadAnnotations') {where}"
    size = tuple(sample.gt_sem_seg.shape[-2:])
    wanted = tuple(inputs.shape[-2:]) if part == 'train' else tuple(sample.metainfo.get('ori_shape', size))
    if size == wanted:
        return ''
    heights = f'({size[0]} x {size[1]} pixels, not {wanted[0]} x {wanted[1]})'
    if part == 'train':
        return f'gives label maps of another height x width than their images {heights}'
    return (
        f'resizes label maps {heights}, and predictions are compared at the size of the image: put LoadAnnotations '
        'behind Resize'
    )


def _classification(cfg: Config, part: str, inputs: Any, sample: Any) -> str:
    classes = (cfg.model.get('head') or {}).get('num_classes')
    needed = isinstance(classes, int) if part == 'train' else _evaluates(cfg, _OF_LABELS)
    if not needed or 'gt_label' in sample:
        return ''
    return 'gives no label (gt_label): the data set has none, or a step before PackInputs removes it'


def _evaluates(cfg: Config, kinds: Sequence[str]) -> bool:
    """Whether validation compares with annotations by an evaluator of one of these types."""
    return any(
        type_name(evaluator) in kinds and not evaluator.get('format_only') for evaluator in evaluators_of(cfg, 'val')
    )
