"""A detection config on the user's own COCO-format data, without editing a file."""

import json
from pathlib import Path
from typing import Any

from mmengine.config import Config

from mmcrossformer.engine.errors import UserError


def use_own_coco(cfg: Config, data_root: str, train_ann: str, val_ann: str, img_dir: str) -> None:
    """Points a detection config at other data: files, class names, sizes of the heads.

    Args:
        cfg: Config for mmdet; changed in place.
        data_root: Folder of the data.
        train_ann: COCO json for training, below `data_root`.
        val_ann: COCO json for validation and testing, below `data_root`.
        img_dir: Folder of the images of both, below `data_root`.

    Raises:
        UserError: A missing or malformed file, classes that differ, or masks that are wanted and missing.
    """
    if cfg.default_scope != 'mmdet':
        raise UserError(
            f'--data-root and --train-ann are for detection (mmdet); this config is for {cfg.default_scope}'
        )
    root = Path(data_root)
    if not (root / img_dir).is_dir():
        raise UserError(f'--img-dir: {root / img_dir} is no folder')
    train, val = _read_coco(root / train_ann), _read_coco(root / val_ann)
    classes, val_classes = _class_names(train), _class_names(val)
    if classes != val_classes:
        raise UserError(f'--train-ann has the classes {classes}, --val-ann {val_classes}: they must be the same')
    if _has_mask_head(cfg.model):
        for path, coco in ((train_ann, train), (val_ann, val)):
            bare = sum(not annotation.get('segmentation') for annotation in coco['annotations'])
            if bare:
                raise UserError(
                    f'the config trains masks, and {bare} of {len(coco["annotations"])} annotations of {path} have no '
                    'segmentation: use a config that needs boxes alone, such as a retinanet_*.py'
                )
    _set_num_classes(cfg.model, len(classes))
    for loader, ann_file in (('train', train_ann), ('val', val_ann), ('test', val_ann)):
        dataset = cfg[f'{loader}_dataloader'].dataset
        dataset.pop('spec', None)
        dataset.update(
            type='CocoDataset',
            data_root=str(root),
            ann_file=ann_file,
            data_prefix=dict(img=img_dir),
            metainfo=dict(classes=classes),
        )
    for evaluator in (cfg.val_evaluator, cfg.test_evaluator):
        evaluator.ann_file = str(root / val_ann)


def _read_coco(path: Path) -> dict[str, Any]:
    try:
        coco = json.loads(path.read_text())
    except OSError as error:
        raise UserError(f'annotation file {path} cannot be read: {error.strerror}') from error
    except ValueError as error:
        raise UserError(f'annotation file {path} is no json: {error}') from error
    missing = [key for key in ('images', 'annotations', 'categories') if not isinstance(coco, dict) or key not in coco]
    if missing:
        raise UserError(f'annotation file {path} is not in COCO format: it has no {", ".join(missing)}')
    if not coco['images'] or not coco['categories']:
        raise UserError(
            f'annotation file {path} has {len(coco["images"])} images and {len(coco["categories"])} categories'
        )
    return coco


def _class_names(coco: dict[str, Any]) -> tuple[str, ...]:
    return tuple(category['name'] for category in sorted(coco['categories'], key=lambda category: category['id']))


def _has_mask_head(model: dict) -> bool:
    return 'mask_head' in model.get('roi_head', {}) or 'mask_head' in model


def _set_num_classes(node: Any, num_classes: int) -> None:
    """Sets `num_classes` wherever the model has one."""
    if isinstance(node, dict):
        if 'num_classes' in node:
            node['num_classes'] = num_classes
        for value in node.values():
            _set_num_classes(value, num_classes)
    elif isinstance(node, list | tuple):
        for value in node:
            _set_num_classes(value, num_classes)
