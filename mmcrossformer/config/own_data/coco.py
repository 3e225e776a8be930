"""Uses a detection config with the user's own data in COCO format."""

from pathlib import Path

from mmengine.config import Config

from mmcrossformer.config.walk import datasets_of, dicts_in, evaluators_of
from mmcrossformer.datasets.coco import Reader, read_coco
from mmcrossformer.utils.errors import UserError


def use_own_coco(
    cfg: Config, data_root: str, train_ann: str, val_ann: str, img_dir: str, read: Reader = read_coco
) -> None:
    """Changes the data of a detection config: files, class names and number of classes of the heads.

    Args:
        cfg: Config for mmdet; changed in place.
        data_root: Folder of the data.
        train_ann: COCO json for training, below `data_root`.
        val_ann: COCO json for validation and testing, below `data_root`.
        img_dir: Folder of the images of both, below `data_root`.
        read: Reads an annotation file; pass a cached function if the same files are read elsewhere.

    Raises:
        UserError: Files are missing or malformed, or the config cannot be used with them.
    """
    if cfg.default_scope != 'mmdet':
        raise UserError(
            f'--data-root and --train-ann are for detection (mmdet); this config is for {cfg.default_scope}'
        )
    root = Path(data_root)
    if not (root / img_dir).is_dir():
        raise UserError(f'--img-dir: {root / img_dir} is no folder')
    train, val = read(root / train_ann), read(root / val_ann)
    if not train['annotations']:
        raise UserError(f'annotation file {root / train_ann} has no annotations to train on')
    # Labels are indices of this list: the order in the files matters, for the data set and for the metric.
    classes, val_classes = (tuple(category['name'] for category in coco['categories']) for coco in (train, val))
    if classes != val_classes:
        raise UserError(
            f'--train-ann has the classes {classes}, --val-ann {val_classes}: they must be the same, in the same order'
        )
    _set_num_classes(cfg.model, len(classes))
    for loader, ann_file in (('train', train_ann), ('val', val_ann), ('test', val_ann)):
        for dataset in datasets_of(cfg.get(f'{loader}_dataloader')):
            dataset.pop('spec', None)
            dataset.update(
                type='CocoDataset',
                data_root=str(root),
                ann_file=ann_file,
                data_prefix=dict(img=img_dir),
                metainfo=dict(classes=classes),
            )
    for part in ('val', 'test'):
        for metric in evaluators_of(cfg, part):
            metric['ann_file'] = str(root / val_ann)


def _set_num_classes(model: dict, num_classes: int) -> None:
    """Sets `num_classes` wherever the model has one."""
    for node in dicts_in(model):
        if 'num_things_classes' in node:
            raise UserError('own data cannot be used with a panoptic model (num_things_classes): write a config for it')
        if 'num_classes' in node:
            node['num_classes'] = num_classes
