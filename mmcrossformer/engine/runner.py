"""Checks that the data of a job exist, and builds its mmengine runner."""

from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.registry import OPTIMIZERS
from mmengine.runner import FlexibleRunner, Runner

from mmcrossformer.config.channels import check_channels
from mmcrossformer.config.walk import data_paths, datasets_of, evaluators_of
from mmcrossformer.engine.processes import init_dist_on_cpu
from mmcrossformer.utils.errors import UserError, innermost
from mmcrossformer.utils.old_torch import require_torch
from mmcrossformer.utils.weights import report_misfits

# Parts of a job, and what each needs beside a loader and the settings of its loop.
_PARTS = dict(train='optim_wrapper', val='val_evaluator', test='test_evaluator')


def check_data(cfg: Config, parts: tuple[str, ...]) -> None:
    """Checks that the files of the data sets exist; generates the digits data set.

    Args:
        cfg: The config.
        parts: The loaders that will be used, out of 'train', 'val', 'test'.

    Raises:
        UserError: A folder or annotation file does not exist, or a part of the job is set in parts or, for training
            and testing, not at all.
    """
    for part in _PARTS:
        _check_complete(cfg, part, needed=part in parts and part != 'val')
    for part in parts:
        for dataset in datasets_of(cfg.get(f'{part}_dataloader')):
            if str(dataset.get('type', '')).startswith('mmcrossformer.Digits'):
                _make_digits(dataset)
                continue
            for path in data_paths(dataset):
                if not path.exists():
                    raise UserError(
                        f'{part} data: {path} does not exist ({part}_dataloader.dataset of the config, data_root '
                        f'{dataset.get("data_root")!r}). Put or link the data there, or name another folder with '
                        f'--data-root, --train-ann, --val-ann and --img-dir (COCO format) or --cfg-options '
                        f'{part}_dataloader.dataset.data_root=DIR. The *_digits.py configs generate their own data.'
                    )
        for evaluator in evaluators_of(cfg, part):
            ann_file = evaluator.get('ann_file')
            if ann_file and '://' not in ann_file and not Path(ann_file).is_file():
                raise UserError(
                    f'{part}_evaluator.ann_file: {ann_file} is no file. It must be the annotation file of '
                    f'{part}_dataloader.dataset; set both with --cfg-options'
                )


def _check_complete(cfg: Config, part: str, *, needed: bool) -> None:
    """Checks that a part has all of its settings, or, if it is not needed, none: mmengine refuses some of them."""
    wanted = [f'{part}_dataloader', f'{part}_cfg', _PARTS[part]]
    missing = [name for name in wanted if cfg.get(name) is None]
    if missing and (needed or len(missing) < len(wanted)):
        off = '' if needed else f', or switch it off by setting all of {", ".join(wanted)} to None'
        raise UserError(f'the config sets no {" and no ".join(missing)}: set {", ".join(missing)}{off}')


def _make_digits(dataset: dict) -> None:
    """Generates the digits data set."""
    from mmcrossformer.datasets.digits import DigitsSpec, ensure_digits

    try:
        ensure_digits(dataset['data_root'], DigitsSpec(**dataset.get('spec', {})))
    except (ValueError, TypeError, ImportError, OSError) as error:
        raise UserError(f'the digits data set cannot be generated: {error}') from error


def build_runner(cfg: Config, *, train: bool) -> Runner | FlexibleRunner:
    """Builds the mmengine runner with its loops and optimizer; initializes the process group of a launcher on CPUs.

    Args:
        cfg: The config. With a `strategy`, mmengine's `FlexibleRunner` trains; testing ignores it.
        train: Whether to train (else to test).

    Raises:
        UserError: A type, argument or folder in the config does not exist or does not fit.
    """
    if cfg.get('compile'):
        require_torch('2.7', 'compile = True in the config')
    if cfg.get('launcher', 'none') != 'none' and not torch.cuda.is_available():
        init_dist_on_cpu(cfg)
    strategy = cfg.get('strategy') if train else None
    if strategy and cfg.launcher == 'none':
        raise UserError(
            f'strategy {strategy.get("type")!r} splits a model over processes: torchrun --nproc-per-node N '
            '-m mmcrossformer_cli train ... --launcher pytorch'
        )
    if train:
        optimizer = cfg.optim_wrapper.get('optimizer', {}).get('type')
        # mmengine would only say that None is not callable.
        if isinstance(optimizer, str) and OPTIMIZERS.get(optimizer) is None:
            raise UserError(f'optim_wrapper.optimizer.type: torch and mmengine have no optimizer {optimizer!r}')
    try:
        with report_misfits():
            runner = (FlexibleRunner if strategy else Runner).from_cfg(cfg)
        # mmengine builds these on first use. They are built here so that a mistake in them is reported as a UserError.
        if strategy:
            runner.model = runner.strategy.build_model(runner.model)
        check_channels(cfg.model, getattr(getattr(runner.model, 'module', runner.model), 'backbone', None))
        if train:
            _ = runner.train_loop
            if not strategy:
                runner.optim_wrapper = runner.build_optim_wrapper(runner.optim_wrapper)
            if cfg.get('val_dataloader'):
                _ = runner.val_loop
        else:
            _ = runner.test_loop
    except (KeyError, TypeError, ValueError, AssertionError, AttributeError, ImportError, OSError) as error:
        raise UserError(f'the config cannot be built: {innermost(error)}') from error
    return runner
