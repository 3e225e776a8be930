"""Checks a job: data, classes, channels and learning rate."""

import json
from dataclasses import replace
from functools import cache
from typing import Any, NamedTuple

from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope

from mmcrossformer.config.channels import check_channels
from mmcrossformer.config.own_data.heads import OTHER_CLASSES
from mmcrossformer.config.sizes import last_sizes, pipeline_views
from mmcrossformer.config.walk import data_paths, datasets_of, dicts_in, model_settings
from mmcrossformer.datasets.coco import Reader, read_coco
from mmcrossformer.engine.check.batches import check_batches
from mmcrossformer.engine.check.contents import Contents
from mmcrossformer.engine.check.dataset import check_dataset, load_contents
from mmcrossformer.engine.check.evaluators import check_evaluators
from mmcrossformer.engine.check.finding import Finding
from mmcrossformer.engine.check.images import Limits
from mmcrossformer.engine.check.samples import check_samples
from mmcrossformer.engine.check.settings import check_settings
from mmcrossformer.engine.check.together import check_together
from mmcrossformer.engine.check.weights import check_weights
from mmcrossformer.engine.processes import count_processes
from mmcrossformer.utils.errors import UserError, innermost, names

# A learning rate is accepted for batches up to this factor larger or smaller.
_FAR = 2
_NO_LIMITS = Limits()


class Report(NamedTuple):
    """What a check finds.

    Attributes:
        findings: The findings, in the order of the config.
        contents: What the data sets of training and validation contain.
    """

    findings: list[Finding]
    contents: list[Contents]


def check_job(
    cfg: Config, limits: Limits = _NO_LIMITS, *, channels: bool = True, read: Reader = read_coco
) -> list[Finding]:
    """Returns the findings of `examine_job`."""
    return examine_job(cfg, limits, channels=channels, read=read).findings


def examine_job(cfg: Config, limits: Limits = _NO_LIMITS, *, channels: bool = True, read: Reader = read_coco) -> Report:
    """Checks the data sets of training and validation, and whether the model fits them.

    Args:
        cfg: Config to train.
        limits: How many images of each data set to check.
        channels: Whether to build the backbone and compare its channels with those of neck and heads. Not needed
            before `build_runner` or `build_model`, which do the same.
        read: Reads an annotation file; pass a cached function if the same files are read elsewhere.
    """
    init_default_scope(cfg.default_scope)
    read = cache(read)
    findings, seen, contents = check_settings(cfg), {}, []
    for part in ('train', 'val'):
        for settings in datasets_of(cfg.get(f'{part}_dataloader')):
            key = json.dumps(settings, sort_keys=True, default=str)
            if key not in seen:
                found, seen[key] = check_dataset(settings, part, limits, read)
                findings += found
                # What is wrong with a file needs no second message.
                if (content := seen[key]) is not None and all(finding.warning for finding in found):
                    findings += check_samples(cfg, part, settings, content.entries, limits.decoded)
            if (content := seen[key]) is not None:
                contents.append(replace(content, part=part))
                if part == 'train':
                    findings += _check_heads(cfg.model, content)
                    findings += check_batches(cfg, settings, content.samples)
    findings += [
        *check_together(contents),
        *check_evaluators(cfg, 'val', [content for content in contents if content.part == 'val'], read),
        *_check_test(cfg, read),
        *check_weights(cfg),
        *(_check_channels(cfg) if channels else ()),
        *_check_views(cfg),
        *_check_rate(cfg),
    ]
    return Report(findings, contents)


def _check_test(cfg: Config, read: Reader) -> list[Finding]:
    """Compares the evaluator of the command test with its data, unless both are those of validation."""
    if all(cfg.get(f'test_{what}') == cfg.get(f'val_{what}') for what in ('dataloader', 'evaluator')):
        return []
    findings, contents = [], []
    for settings in datasets_of(cfg.get('test_dataloader')):
        if all(path.exists() for path in data_paths(settings)):  # data to test on may come after training
            found, content = load_contents(settings, 'test', read)
            findings += found
            contents += [] if content is None else [content]
    findings += check_evaluators(cfg, 'test', contents, read)
    return [Finding(f'`mmcrossformer test` would fail or be wrong: {found.text}', warning=True) for found in findings]


def _check_heads(model: dict[str, Any], content: Contents) -> list[Finding]:
    """Compares the number of classes of the data with those of the heads."""
    classes, source = content.classes, content.source
    heads = {f'model.{key}': value for key, value in model.items() if 'head' in key and key not in OTHER_CLASSES}
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
    processes = count_processes()
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
