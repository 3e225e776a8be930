"""From command line to a checked mmengine config, for detection, segmentation and classification alike."""

import argparse
import importlib
import os
import traceback
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config, DictAction
from mmengine.registry import OPTIMIZERS
from mmengine.runner import FlexibleRunner, Runner

from mmcrossformer.engine.channels import check_channels
from mmcrossformer.engine.errors import UserError
from mmcrossformer.engine.processes import join_on_cpu
from mmcrossformer.engine.weights import load_safely, misfits_told, read_file

# Host library -> the distribution that has it.
HOSTS = {'mmdet': 'onedl-mmdetection', 'mmseg': 'onedl-mmsegmentation', 'mmpretrain': 'onedl-mmpretrain'}
# mmpretrain's wrappers of timm: a whole classifier, and a backbone.
_TIMM_TYPES = ('TimmClassifier', 'TIMMBackbone')


class _Settings(DictAction):
    """Reads KEY=VALUE pairs; one that cannot be read is a mistake of the command line."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, option_string: Any = None
    ) -> None:
        try:
            super().__call__(parser, namespace, values, option_string)
        except (AssertionError, RecursionError, ValueError) as error:
            parser.error(
                f'{option_string} takes KEY=VALUE pairs, lists as "KEY=[1,2]", got {" ".join(values)}: {error}'
            )


def add_config_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the config and its settings."""
    parser.add_argument('config', metavar='CONFIG', help='config file')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=_Settings,
        metavar='KEY=VALUE',
        help='settings to replace, such as train_dataloader.batch_size=4 or "model.neck.in_channels=[64,128]"',
    )


def parse_settings(pairs: Sequence[str]) -> dict[str, Any]:
    """Reads `KEY=VALUE` pairs as `--cfg-options` does."""
    parser = argparse.ArgumentParser()
    add_config_arguments(parser)
    return parser.parse_args(['', '--cfg-options', *pairs]).cfg_options if pairs else {}


def add_common_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds what training and testing have in common."""
    add_config_arguments(parser)
    parser.add_argument('--work-dir', help='folder for logs and results (default: work_dirs/<name of the config>)')
    parser.add_argument('--launcher', choices=['none', 'pytorch', 'slurm', 'mpi'], default='none', help='job launcher')
    parser.add_argument('--seed', type=int, help='random seed')
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0, help=argparse.SUPPRESS)


def load_config(args: argparse.Namespace) -> Config:
    """Reads the config and applies the arguments of `add_common_arguments`.

    Raises:
        UserError: See `read_config`; or a launcher that cannot work here.
    """
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    cfg = read_config(args.config, args.cfg_options)
    if args.launcher == 'pytorch' and 'RANK' not in os.environ:
        raise UserError('--launcher pytorch runs under torchrun: torchrun --nproc-per-node N tools/train.py ...')
    cfg.launcher = args.launcher
    if args.work_dir is not None:
        cfg.work_dir = args.work_dir
    elif cfg.get('work_dir') is None:
        cfg.work_dir = str(Path('work_dirs') / Path(args.config).stem)
    if args.seed is not None:
        cfg.randomness = dict(cfg.get('randomness', {}), seed=args.seed)
    if args.launcher != 'none' and not torch.cuda.is_available():
        join_on_cpu(cfg)
    if args.launcher == 'none' or not torch.cuda.is_available():
        unsync_norms(cfg.model)
    return cfg


def read_config(config: str, options: dict[str, Any] | None = None) -> Config:
    """Reads a config file and imports the host library that it belongs to, and timm if it takes a model from there.

    Args:
        config: Path of the file.
        options: Settings to replace, by dotted name.

    Raises:
        UserError: No such file, a file that does not parse, a library that is missing or broken, or weights for timm
            that cannot be read.
    """
    path = Path(config)
    if not path.is_file():
        near = get_close_matches(path.name, [p.name for p in path.parent.glob('*.py')], cutoff=0.5)
        there = f' Close names in the folder: {", ".join(near)}.' if near else ''
        raise UserError(f'config {config} is no file.{there}')
    try:
        cfg = Config.fromfile(config)
    except Exception as error:  # a config is a program: it can fail in any way
        raise UserError(f'config {config} does not parse: {type(error).__name__}: {error}') from error
    missing = [key for key in ('model', 'default_scope') if key not in cfg]
    if missing:
        raise UserError(f'config {config} sets no {" and no ".join(missing)}: it is no config to train or test')
    if options:
        try:
            cfg.merge_from_dict(options)
        except (KeyError, TypeError, IndexError, AssertionError) as error:
            raise UserError(f'--cfg-options do not fit {config}: {error}') from error
    _import_host(cfg, config)
    _import_timm(cfg, config)
    return cfg


def _import_host(cfg: Config, config: str) -> None:
    """Imports the library that the config belongs to, so that its absence is told before anything starts."""
    host = cfg.default_scope
    if host not in HOSTS:
        return
    try:
        importlib.import_module(f'{host}.models')
    except ImportError as error:
        if getattr(error, 'name', None) == host:
            raise UserError(
                f'{config} needs {host}, which is not installed: pip install {HOSTS[host]} (or all three host '
                "libraries: pip install -e '.[mm]')"
            ) from error
        raise UserError(f'{config} needs {host}, whose import fails: {error} (see `mmcrossformer doctor`)') from error
    except AssertionError as error:  # how the original packages refuse a version of mmcv
        raise UserError(f'{config} needs {host}, which refuses this environment: {error}') from error


def _import_timm(cfg: Config, config: str) -> None:
    """Imports timm for its models, and looks at the files of weights that it is to load."""
    wrappers = [node for node in dicts_in(cfg.model) if str(node.get('type')).rpartition('.')[2] in _TIMM_TYPES]
    if not wrappers:
        return
    try:
        importlib.import_module('timm')
    except ImportError as error:
        if getattr(error, 'name', None) == 'timm':
            raise UserError(
                f"{config} needs timm, which is not installed: pip install 'mmcrossformer[timm]'"
            ) from error
        raise UserError(f'{config} needs timm, whose import fails: {error}') from error
    for path in filter(None, (node.get('checkpoint_path') for node in wrappers)):
        read_file(path)


def model_settings(cfg: Config) -> dict[str, Any]:
    """Returns the model of a config as mmengine's runner builds it: with the preprocessor beside it, if it has none."""
    settings = dict(cfg.model)
    if 'data_preprocessor' in cfg:
        settings.setdefault('data_preprocessor', cfg.data_preprocessor)
    return settings


def unsync_norms(model: Any) -> None:
    """Turns SyncBN, which needs GPUs and serves several processes, into BN."""
    for node in dicts_in(model):
        if node.get('type') == 'SyncBN':
            node['type'] = 'BN'


def dicts_in(node: Any) -> Iterator[dict]:
    """Yields every dict of a config, from the outside in."""
    if isinstance(node, dict):
        yield node
        node = list(node.values())
    if isinstance(node, list | tuple):
        for value in node:
            yield from dicts_in(value)


def check_data(cfg: Config, parts: tuple[str, ...]) -> None:
    """Checks that the files named by the data sets exist; makes the embedded data set.

    Args:
        cfg: The config.
        parts: Which loaders will be used, out of 'train', 'val', 'test'.

    Raises:
        UserError: A folder or annotation file is not there.
    """
    for part in parts:
        for dataset in datasets_of(cfg.get(f'{part}_dataloader')):
            if str(dataset.get('type', '')).startswith('mmcrossformer.Digits'):
                _make_digits(dataset)
                continue
            for path in data_paths(dataset):
                if not path.exists():
                    raise UserError(
                        f'{part} data: {path} does not exist ({part}_dataloader.dataset of the config, data_root '
                        f'{dataset.get("data_root")!r}). Put or link the data there, or name another place with '
                        f'--data-root, --train-ann, --val-ann and --img-dir (COCO format) or --cfg-options '
                        f'{part}_dataloader.dataset.data_root=DIR. The *_digits.py configs make their own data.'
                    )
        evaluators = cfg.get(f'{part}_evaluator') or []
        for evaluator in evaluators if isinstance(evaluators, list | tuple) else [evaluators]:
            ann_file = evaluator.get('ann_file')
            if ann_file and '://' not in ann_file and not Path(ann_file).is_file():
                raise UserError(
                    f'{part}_evaluator.ann_file: {ann_file} is no file. It must be the annotation file of '
                    f'{part}_dataloader.dataset; set both with --cfg-options'
                )


def _make_digits(dataset: dict) -> None:
    """Makes the embedded data set, or tells why it cannot be made."""
    from mmcrossformer.datasets.digits import DigitsSpec, ensure_digits

    try:
        ensure_digits(dataset['data_root'], DigitsSpec(**dataset.get('spec', {})))
    except (ValueError, TypeError, ImportError, OSError) as error:
        raise UserError(f'the digits cannot be made: {error}') from error


def datasets_of(loader: dict | None) -> Iterator[dict]:
    """Yields the data sets of a loader, from inside their wrappers."""
    stack = [loader.get('dataset')] if isinstance(loader, dict) else []
    while stack:
        dataset = stack.pop()
        if isinstance(dataset, list | tuple):
            stack += dataset
        elif isinstance(dataset, dict):
            inner = dataset.get('dataset', dataset.get('datasets'))
            if inner is None:
                yield dataset
            else:
                stack.append(inner)


def data_paths(dataset: dict) -> Iterator[Path]:
    """Yields the files and folders that a data set names."""
    root = dataset.get('data_root') or ''
    if '://' in root:
        return  # not on this file system
    if root:
        yield Path(root)
    prefix = dataset.get('data_prefix') or {}
    names = [dataset.get('ann_file'), *(prefix.values() if isinstance(prefix, dict) else [prefix])]
    for name in names:
        if name and '://' not in name:
            yield Path(root) / name


def build_runner(cfg: Config, *, train: bool) -> Runner | FlexibleRunner:
    """Builds the mmengine runner with everything that training or testing needs.

    Args:
        cfg: The config. With a `strategy`, mmengine's `FlexibleRunner` trains; tests know no strategies.
        train: Whether to train (else to test).

    Raises:
        UserError: The config names a type, an argument or a folder that does not exist or fit.
    """
    load_safely()
    strategy = cfg.get('strategy') if train else None
    if strategy and cfg.launcher == 'none':
        raise UserError(
            f'strategy {strategy.get("type")!r} shares a model among processes: torchrun --nproc-per-node N '
            'tools/train.py ... --launcher pytorch'
        )
    if train:
        optimizer = cfg.optim_wrapper.get('optimizer', {}).get('type')
        # mmengine would only say that None is not callable.
        if isinstance(optimizer, str) and OPTIMIZERS.get(optimizer) is None:
            raise UserError(f'optim_wrapper.optimizer.type: torch and mmengine have no optimizer {optimizer!r}')
    try:
        with misfits_told():
            runner = (FlexibleRunner if strategy else Runner).from_cfg(cfg)
        # mmengine builds these when they are first needed; here, so that a mistake in them is told as one.
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


def innermost(error: BaseException) -> str:
    """Returns the message of the first cause, which names the argument; mmengine wraps it again and again."""
    while (cause := error.__cause__ or (None if error.__suppress_context__ else error.__context__)) is not None:
        error = cause
    text = str(error.args[0] if isinstance(error, KeyError) and error.args else error)
    if isinstance(error, KeyError | TypeError | ValueError) and text:
        return text
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f'{type(error).__name__} {text} ({Path(place.filename).name}, line {place.lineno}: {place.line})'


def needs_cuda(flag: str) -> None:
    """Raises a `UserError` for a flag that works on a GPU only, when there is none."""
    if not torch.cuda.is_available():
        raise UserError(f'{flag} needs a GPU, and torch sees none here: leave {flag} out')


def log_to_tensorboard(cfg: Config) -> None:
    """Makes a training log for TensorBoard, beside what its config says.

    Raises:
        UserError: The package is missing.
    """
    try:
        importlib.import_module('torch.utils.tensorboard')
    except ImportError as error:
        raise UserError(
            f"--tensorboard needs the package tensorboard ({error}): pip install 'mmcrossformer[tensorboard]'"
        ) from error
    if not cfg.get('visualizer'):
        cfg.visualizer = dict(type='Visualizer', vis_backends=[dict(type='LocalVisBackend')])
    backends = [dict(backend) for backend in cfg.visualizer.get('vis_backends') or []]
    if not any(backend['type'] == 'TensorboardVisBackend' for backend in backends):
        cfg.visualizer.vis_backends = [*backends, dict(type='TensorboardVisBackend')]
