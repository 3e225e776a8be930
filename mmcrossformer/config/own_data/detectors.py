"""Uses a detection config with objects."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config

from mmcrossformer.config.own_data.datasets import replace_datasets
from mmcrossformer.config.own_data.fitting import BOXES
from mmcrossformer.config.own_data.heads import set_classes
from mmcrossformer.config.walk import dicts_in, evaluators_of, type_name
from mmcrossformer.datasets.formats.found import Found, Picture
from mmcrossformer.datasets.formats.write_coco import write_coco
from mmcrossformer.utils.errors import UserError, names


def use_with_detector(cfg: Config, found: Found, folder: Path) -> list[str]:
    """Sets objects in a config for mmdet; see `use_found`."""
    masks = _needs(cfg, 'with_mask')
    if _needs(cfg, 'with_seg'):
        raise UserError('the config also needs label maps (with_seg), which own data do not have: take one without')
    if masks and not found.masks:
        bare = [picture.path for picture in (*found.train, *found.val) if _has_bare(picture)]
        raise UserError(
            f'the config needs a mask for every object, and objects in {len(bare)} pictures of {found.folder} '
            f'({found.format}) have a box alone: {names(bare)}. Take {BOXES}'
        )
    notes = set_classes(cfg.model, len(found.classes))
    train, val = write_coco(found, folder)
    common = dict(type='CocoDataset', data_root='', data_prefix=dict(img=''), metainfo=dict(classes=found.classes))
    replace_datasets(cfg, dict(common, ann_file=str(train)), dict(common, ann_file=str(val)), kept=('filter_cfg',))
    for part in ('val', 'test'):
        for metric in evaluators_of(cfg, part):
            if type_name(metric) != 'CocoMetric':
                notes.append(f'{part}_evaluator was {type_name(metric)} and is CocoMetric, which measures any objects')
                metric.clear()
                metric.update(type='CocoMetric', metric=['bbox', 'segm'] if masks else 'bbox')
            metric.pop('backend_args', None)
            metric.update(ann_file=str(val), classwise=True)
    return notes


def _needs(cfg: Config, key: str) -> bool:
    loaders: Sequence[Any] = [cfg.get(f'{part}_dataloader') for part in ('train', 'val', 'test')]
    return any(step.get(key) for loader in loaders for step in dicts_in(loader))


def _has_bare(picture: Picture) -> bool:
    return any(not entry.get('segmentation') for entry in picture.annotation)
