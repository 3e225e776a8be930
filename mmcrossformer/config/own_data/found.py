"""Uses a config with own data that were found in a folder."""

from pathlib import Path

from filelock import FileLock
from mmengine.config import Config

from mmcrossformer.config.own_data.classifiers import use_with_classifier
from mmcrossformer.config.own_data.detectors import use_with_detector
from mmcrossformer.config.own_data.fitting import FITTING
from mmcrossformer.config.own_data.segmenters import use_with_segmenter
from mmcrossformer.datasets.formats.found import Found
from mmcrossformer.utils.errors import UserError

_USE = dict(mmdet=use_with_detector, mmseg=use_with_segmenter, mmpretrain=use_with_classifier)


def use_found(cfg: Config, found: Found, folder: Path) -> tuple[str, ...]:
    """Changes the data of a config to own data: data sets, names of classes, sizes of heads, evaluators.

    Pipelines, wrappers of data sets, loaders and schedules stay. Validation and testing have the same pictures. Several
    processes may call this at once.

    Args:
        cfg: Config for mmdet, mmseg or mmpretrain; changed in place.
        found: What was found in the folder of the user, with pictures to validate on.
        folder: Folder for annotation files and label maps, which mostly are links; made if it does not exist.

    Returns:
        Notes for the user, a sentence each.

    Raises:
        UserError: The data do not fit the config; the message names configs that they fit.
    """
    if cfg.default_scope not in _USE:
        raise UserError(f'own data are for configs of {", ".join(_USE)}; this config is for {cfg.default_scope}')
    if not found.classes:
        raise UserError(f'{found.folder} has no classes')
    if found.kind == 'objects' and not any(picture.annotation for picture in found.train):
        raise UserError(f'{found.folder} has no objects to train on: none of {len(found.train)} pictures has one')
    if not found.val and cfg.get('val_dataloader'):
        raise UserError(f'{found.folder} has no pictures to validate on: split it first')
    if found.kind not in FITTING[cfg.default_scope]:
        fitting = ' or '.join(text for kinds in FITTING.values() if (text := kinds.get(found.kind)))
        raise UserError(
            f'{found.folder} has {found.kind} ({found.format}), which a config for {cfg.default_scope} cannot be '
            f'trained on: take {fitting}'
        )
    folder = folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / '.lock'):  # processes of one job write the same files
        return tuple(_USE[cfg.default_scope](cfg, found, folder))
