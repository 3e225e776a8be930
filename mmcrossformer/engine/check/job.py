"""Checks a job: data, classes, channels and learning rate."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.dataset import BaseDataset
from mmengine.registry import DATASETS, MODELS, init_default_scope

from mmcrossformer.config.channels import check_channels
from mmcrossformer.config.sizes import last_sizes, pipeline_views
from mmcrossformer.config.walk import datasets_of, dicts_in, model_settings
from mmcrossformer.datasets.coco import Reader, read_coco
from mmcrossformer.engine.check.batches import check_batches
from mmcrossformer.engine.check.coco import check_coco
from mmcrossformer.engine.check.entries import check_entries
from mmcrossformer.engine.check.finding import Finding
from mmcrossformer.engine.check.images import Limits, among, check_images, evenly_spaced
from mmcrossformer.engine.check.settings import check_settings
from mmcrossformer.utils.errors import UserError, innermost, names

# Heads whose number of classes does not depend on the data set.
_OTHER_CLASSES = ('rpn_head', 'semantic_head')
# A learning rate is accepted for batches up to this factor larger or smaller.
_FAR = 2
_NO_LIMITS = Limits()


def check_job(
    cfg: Config, limits: Limits = _NO_LIMITS, *, channels: bool = True, read: Reader = read_coco
) -> list[Finding]:
    """Checks the data sets of training and validation, and whether the model fits them.

    Args:
        cfg: Config to train.
        limits: How many images of each data set to check.
        channels: Whether to build the backbone and compare its channels with those of neck and heads. Not needed
            before `build_runner` or `build_model`, which do the same.
        read: Reads an annotation file; pass a cached function if the same files are read elsewhere.

    Returns:
        The findings, in the order of the config.
    """
    init_default_scope(cfg.default_scope)
    findings, seen = check_settings(cfg), set()
    for part in ('train', 'val'):
        for settings in datasets_of(cfg.get(f'{part}_dataloader')):
            key = json.dumps(settings, sort_keys=True, default=str)
            if key not in seen:
                findings += _check_dataset(settings, part, cfg, limits, read)
            seen.add(key)
    return [*findings, *(_check_channels(cfg) if channels else ()), *_check_views(cfg), *_check_rate(cfg)]


def _check_dataset(settings: dict[str, Any], part: str, cfg: Config, limits: Limits, read: Reader) -> list[Finding]:
    path = Path(settings.get('data_root') or '') / (settings.get('ann_file') or '')
    coco = None
    if path.suffix == '.json' and 'Panoptic' not in str(settings.get('type')):
        try:
            coco = read(path)
        except UserError as error:
            return [Finding(str(error))]
    try:
        lazy = dict(lazy_init=True) if coco is not None and _can_be_lazy(settings) else {}
        dataset = DATASETS.build({**settings, 'pipeline': [], **lazy})
    except Exception as error:  # a data set of any library can raise anything
        return [Finding(f'the data set of {part}_dataloader cannot be built: {innermost(error)}')]
    classes = list(dataset.metainfo.get('classes') or ())
    source = str(path) if path.is_file() else f'{part}_dataloader'
    findings = _check_heads(cfg.model, classes, source) if part == 'train' else []
    if coco is not None:
        masks = any(step.get('with_mask') for step in settings.get('pipeline', []))
        folder = Path(dataset.data_prefix.get('img', ''))
        images = evenly_spaced(coco['images'], limits.present)
        sizes = {folder / image['file_name']: (image['width'], image['height']) for image in images}
        return [
            *check_images(sizes, source + among(len(images), len(coco['images'])), limits.decoded),
            *check_coco(coco, path, classes, masks=masks),
            *findings,
        ]
    findings += check_batches(cfg, settings, len(dataset)) if part == 'train' else []
    return [*check_entries(dataset, settings.get('pipeline', []), classes, source, limits), *findings]


def _can_be_lazy(settings: dict[str, Any]) -> bool:
    """Whether a data set supports `lazy_init`, which skips its annotation file."""
    kind = settings.get('type')
    with DATASETS.switch_scope_and_registry(None) as registry:
        kind = registry.get(kind) if isinstance(kind, str) else kind
    return isinstance(kind, type) and issubclass(kind, BaseDataset)


def _check_heads(model: dict[str, Any], classes: Sequence[str], source: str) -> list[Finding]:
    """Compares the number of classes of the data with those of the heads."""
    heads = {f'model.{key}': value for key, value in model.items() if 'head' in key and key not in _OTHER_CLASSES}
    if 'backbone' not in model:  # a whole model of timm contains its head
        heads['model'] = {key: value for key, value in model.items() if not isinstance(value, dict | list)}
    findings = []
    for name, head in heads.items():
        for node in dicts_in(head):
            count = node.get('num_classes')
            if count is None and 'num_things_classes' in node:
                count = node['num_things_classes'] + node['num_stuff_classes']
            if isinstance(count, int) and classes and count != len(classes):
                findings.append(
                    Finding(
                        f'{name} ({node.get("type")}) has {count} classes, the data set of {source} has '
                        f'{len(classes)} ({names(classes)}): set num_classes={len(classes)}'
                    )
                )
    return findings


def _check_channels(cfg: Config) -> list[Finding]:
    """Builds the backbone and compares its channels; classifiers of timm have none."""
    settings = model_settings(cfg)
    if 'backbone' not in settings:
        return []
    try:
        check_channels(settings, MODELS.build({**settings['backbone'], 'init_cfg': None}))
    except Exception as error:  # a backbone of any library can raise anything
        return [Finding(str(error) if isinstance(error, UserError) else f'model.backbone: {innermost(error)}')]
    return []


def _check_views(cfg: Config) -> list[Finding]:
    """Compares the views of the training pipeline with those that the classifier needs."""
    several = cfg.model.get('type') == 'mmcrossformer.MultiResolutionClassifier'
    for settings in datasets_of(cfg.get('train_dataloader')):
        views = pipeline_views(settings.get('pipeline', []))
        sizes = [size for view in views for size in last_sizes(view)]
        if several and len(views) < 2:
            return [
                Finding(
                    'MultiResolutionClassifier trains on two views of each image or more, and the pipeline of '
                    f'train_dataloader makes {len(views) or "no views"}: put its steps between LoadImageFromFile and '
                    "PackInputs into dict(type='MultiView', num_views=[1, 1], transforms=[[...], [...]]), one list for "
                    'each resolution'
                )
            ]
        if several and len(set(sizes)) < len(sizes):
            return [Finding(f'the views of train_dataloader must differ in resolution, and have {names(sizes)} pixels')]
    return []


def _check_rate(cfg: Config) -> list[Finding]:
    """Compares the batch size with the one that the learning rate was chosen for."""
    base, loader = cfg.get('auto_scale_lr', {}), cfg.get('train_dataloader', {})
    rate = cfg.get('optim_wrapper', {}).get('optimizer', {}).get('lr')
    if not base.get('base_batch_size') or base.get('enable') or not loader.get('batch_size') or rate is None:
        return []
    processes = int(os.environ.get('WORLD_SIZE', 1))
    batch = loader['batch_size'] * processes * cfg.optim_wrapper.get('accumulative_counts', 1)
    wanted = base['base_batch_size']
    if wanted / _FAR < batch < wanted * _FAR:
        return []
    return [
        Finding(
            f'the learning rate {rate:g} was chosen for {wanted} images a step, this job has {batch} (batch_size '
            f'{loader["batch_size"]}, {processes} processes): by the linear rule it would be '
            f'{rate * batch / wanted:g}, which --auto-scale-lr sets',
            warning=True,
        )
    ]
