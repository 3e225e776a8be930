"""A detection config on the user's own COCO-format data, without editing a file."""

import json
from pathlib import Path
from typing import Any

from mmengine.config import Config

from mmcrossformer.engine.errors import UserError
from mmcrossformer.engine.job import datasets_of, dicts_in


def use_own_coco(cfg: Config, data_root: str, train_ann: str, val_ann: str, img_dir: str) -> None:
    """Points a detection config at other data: files, class names, sizes of the heads.

    Args:
        cfg: Config for mmdet; changed in place.
        data_root: Folder of the data.
        train_ann: COCO json for training, below `data_root`.
        val_ann: COCO json for validation and testing, below `data_root`.
        img_dir: Folder of the images of both, below `data_root`.

    Raises:
        UserError: Anything missing or malformed in the data, or a config that cannot be pointed at it.
    """
    if cfg.default_scope != 'mmdet':
        raise UserError(
            f'--data-root and --train-ann are for detection (mmdet); this config is for {cfg.default_scope}'
        )
    root = Path(data_root)
    if not (root / img_dir).is_dir():
        raise UserError(f'--img-dir: {root / img_dir} is no folder')
    train, val = _read_coco(root / train_ann), _read_coco(root / val_ann)
    if not train['annotations']:
        raise UserError(f'annotation file {root / train_ann} has no annotations to train on')
    # Labels are the places in this list: the order of the files counts, for the data set and for the metric.
    classes, val_classes = (tuple(category['name'] for category in coco['categories']) for coco in (train, val))
    if classes != val_classes:
        raise UserError(
            f'--train-ann has the classes {classes}, --val-ann {val_classes}: they must be the same, in the same order'
        )
    for coco, path in ((train, root / train_ann), (val, root / val_ann)):
        _check_images(coco, path, root / img_dir)
        if _trains_masks(cfg):
            _check_masks(coco, path)
    _set_num_classes(cfg.model, len(classes))
    for loader, ann_file in (('train', train_ann), ('val', val_ann), ('test', val_ann)):
        for dataset in datasets_of(cfg[f'{loader}_dataloader']):
            dataset.pop('spec', None)
            dataset.update(
                type='CocoDataset',
                data_root=str(root),
                ann_file=ann_file,
                data_prefix=dict(img=img_dir),
                metainfo=dict(classes=classes),
            )
    for evaluator in (cfg.val_evaluator, cfg.test_evaluator):
        for metric in evaluator if isinstance(evaluator, list) else [evaluator]:
            metric.ann_file = str(root / val_ann)


# What mmdet and pycocotools take for granted.
_REQUIRED = dict(
    images=('id', 'file_name', 'width', 'height'),
    annotations=('id', 'image_id', 'category_id', 'bbox', 'area', 'iscrowd'),
    categories=('id', 'name'),
)


def _read_coco(path: Path) -> dict[str, Any]:
    try:
        coco = json.loads(path.read_text())
    except OSError as error:
        raise UserError(f'annotation file {path} cannot be read: {error.strerror}') from error
    except ValueError as error:
        raise UserError(f'annotation file {path} is no json: {error}') from error
    for part, keys in _REQUIRED.items():
        if not isinstance(coco, dict) or not isinstance(coco.get(part), list):
            raise UserError(f'annotation file {path} is not in COCO format: it has no list {part!r}')
        for i, entry in enumerate(coco[part]):
            missing = [key for key in keys if key not in entry]
            if missing:
                raise UserError(f'annotation file {path}: {part}[{i}] has no {", ".join(missing)}')
    for part in ('images', 'categories'):
        if not coco[part]:
            raise UserError(f'annotation file {path} has no {part}')
    return coco


def _check_images(coco: dict[str, Any], path: Path, folder: Path) -> None:
    absent = [image['file_name'] for image in coco['images'] if not (folder / image['file_name']).is_file()]
    if absent:
        raise UserError(
            f'{len(absent)} of {len(coco["images"])} images of {path} are not in {folder}, such as {absent[0]}'
        )


def _check_masks(coco: dict[str, Any], path: Path) -> None:
    bare = sum(not annotation.get('segmentation') for annotation in coco['annotations'])
    if bare:
        raise UserError(
            f'the config trains masks, and {bare} of {len(coco["annotations"])} annotations of {path} have no '
            'segmentation: use a config that needs boxes alone, such as a retinanet_*.py'
        )


def _trains_masks(cfg: Config) -> bool:
    """Whether the pipeline of the training loads masks."""
    steps = [step for dataset in datasets_of(cfg.train_dataloader) for step in dataset.get('pipeline', [])]
    return any(step.get('with_mask') for step in steps)


def _set_num_classes(model: dict, num_classes: int) -> None:
    """Sets `num_classes` wherever the model has one."""
    for node in dicts_in(model):
        if 'num_things_classes' in node:
            raise UserError('own data cannot be put into a panoptic model (num_things_classes): write a config for it')
        if 'num_classes' in node:
            node['num_classes'] = num_classes
