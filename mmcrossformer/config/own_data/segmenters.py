"""Uses a segmentation config with label maps, or with objects that are painted."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config

from mmcrossformer.config.own_data.datasets import replace_datasets
from mmcrossformer.config.own_data.fitting import FITTING
from mmcrossformer.config.own_data.heads import set_classes
from mmcrossformer.config.own_data.lists import write_list
from mmcrossformer.config.walk import dicts_in, evaluators_of, type_name
from mmcrossformer.datasets.formats.found import Found, Picture
from mmcrossformer.datasets.formats.painted import map_name, painted_classes, write_maps
from mmcrossformer.utils.errors import UserError


def use_with_segmenter(cfg: Config, found: Found, folder: Path) -> list[str]:
    """Sets label maps in a config for mmseg; see `use_found`.

    mmseg finds the map of a picture by its name. So lists have the names of pictures below the folder that all of them
    lie in, and a folder of maps has the same names with a suffix behind them.
    """
    classes, notes = found.classes, list[str]()
    if found.kind == 'objects':
        if not found.masks:
            raise UserError(
                f'objects of {found.folder} ({found.format}) have boxes alone, and a segmenter needs masks: take '
                f'{FITTING["mmdet"]["objects"]}'
            )
        classes = painted_classes(found)
        notes.append(
            f'masks of objects are painted to label maps: {classes[0]} and {len(found.classes)} classes, small objects '
            'over large ones, crowds are ignored'
        )
    if len(classes) < 2:
        raise UserError(f'{found.folder} has one class, {classes[0]}: there is nothing to tell apart')
    notes += set_classes(cfg.model, len(classes))
    root = _common_folder([*found.train, *found.val])
    maps = folder / 'maps'
    write_maps(found, root, maps)
    common = dict(
        type='BaseSegDataset',
        data_root='',
        data_prefix=dict(img_path=str(root), seg_map_path=str(maps)),
        img_suffix='',
        seg_map_suffix=map_name(''),
        reduce_zero_label=False,
        metainfo=dict(classes=classes),
    )
    train, val = (
        dict(common, ann_file=str(write_list(folder / f'{part}.txt', [_line(picture, root) for picture in pictures])))
        for part, pictures in (('train', found.train), ('val', found.val))
    )
    replace_datasets(cfg, train, val)
    for part in ('train', 'val', 'test'):
        loader: dict[str, Any] | None = cfg.get(f'{part}_dataloader')
        for step in dicts_in(loader):
            if type_name(step) == 'LoadAnnotations':
                step.pop('reduce_zero_label', None)  # then it is that of the data set
    for part in ('val', 'test'):
        for metric in evaluators_of(cfg, part):
            if type_name(metric) != 'IoUMetric':
                notes.append(f'{part}_evaluator was {type_name(metric)} and is IoUMetric, which measures any classes')
                metric.clear()
                metric.update(type='IoUMetric', iou_metrics=['mIoU'])
    return notes


def _common_folder(pictures: Sequence[Picture]) -> Path:
    return Path(os.path.commonpath([picture.path.parent for picture in pictures]))


def _line(picture: Picture, root: Path) -> str:
    # mmseg removes spaces around a line: a name that begins with one needs something before it.
    return f'./{picture.path.relative_to(root).as_posix()}'
