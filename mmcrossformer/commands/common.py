"""Arguments shared by several commands, and the functions that apply them."""

import argparse
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config, DictAction

from mmcrossformer.commands.arguments import add_seed, add_work_dir
from mmcrossformer.config.own_data import use_own_coco
from mmcrossformer.config.read import read_config
from mmcrossformer.config.walk import replace_sync_bn
from mmcrossformer.datasets.coco import Reader, read_coco
from mmcrossformer.engine.processes import check_launcher
from mmcrossformer.utils.errors import UserError


class _Settings(DictAction):
    """Parses KEY=VALUE pairs; an invalid pair is a usage error."""

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
    """Adds CONFIG and `--cfg-options`."""
    parser.add_argument('config', metavar='CONFIG', help='config file, or name of a config of the package')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=_Settings,
        metavar='KEY=VALUE',
        help='settings to replace, such as train_dataloader.batch_size=4 or "model.neck.in_channels=[64,128]"',
    )


def parse_settings(pairs: Sequence[str]) -> dict[str, Any]:
    """Parses `KEY=VALUE` pairs like `--cfg-options`."""
    parser = argparse.ArgumentParser()
    add_config_arguments(parser)
    return parser.parse_args(['', '--cfg-options', *pairs]).cfg_options if pairs else {}


def add_common_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments that training and testing share."""
    add_config_arguments(parser)
    add_work_dir(parser)
    parser.add_argument('--launcher', choices=['none', 'pytorch', 'slurm', 'mpi'], default='none', help='job launcher')
    add_seed(parser)
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0, help=argparse.SUPPRESS)


def prepare_config(args: argparse.Namespace) -> Config:
    """Reads the config and applies the arguments of `add_common_arguments`.

    Raises:
        UserError: See `read_config`; or the launcher is not available in this environment.
    """
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    cfg = read_config(args.config, args.cfg_options)
    if args.launcher == 'pytorch' and 'RANK' not in os.environ:
        raise UserError(
            '--launcher pytorch runs under torchrun: torchrun --nproc-per-node N -m mmcrossformer_cli train|test ...'
        )
    cfg.launcher = args.launcher
    if args.work_dir is not None:
        cfg.work_dir = args.work_dir
    elif cfg.get('work_dir') is None:
        cfg.work_dir = str(default_work_dir(args.config))
    if args.seed is not None:
        cfg.randomness = dict(cfg.get('randomness', {}), seed=args.seed)
    check_launcher(args.launcher)
    if args.launcher == 'none' or not torch.cuda.is_available():
        replace_sync_bn(cfg.model)
    return cfg


def default_work_dir(config: str) -> Path:
    """Returns the work directory of a training or test run without `--work-dir`."""
    return Path('work_dirs') / Path(config).stem


def find_device(name: str) -> str:
    """Resolves the device of `--device`.

    Args:
        name: 'auto', 'cpu', 'cuda' or 'cuda:N'.

    Returns:
        'cpu', 'cuda' or 'cuda:N'; for 'auto' a GPU if one is available.

    Raises:
        UserError: The device is not available.
    """
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if name == 'auto':
        return 'cuda' if count else 'cpu'
    if name != 'cpu' and not count:
        raise UserError(f'--device {name}: torch sees no GPU here; leave it out to use the CPU')
    _, _, number = name.partition(':')
    if number and int(number) >= count:
        raise UserError(
            f'--device {name}: torch sees {count} GPU{"s" if count > 1 else ""} here, the last is cuda:{count - 1}'
        )
    return name


def make_folder(option: str, folder: str | Path) -> None:
    """Creates a folder for results, so that a failure is reported before anything runs.

    Args:
        option: Option that names the folder, such as '--out'.
        folder: The folder.

    Raises:
        UserError: The folder cannot be created.
    """
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f'{option}: the folder {folder} cannot be created: {error.strerror}') from error


def prepare_out_file(path: Path, suffixes: Sequence[str]) -> None:
    """Checks that the file of `--out` can be written and creates its folder, before anything runs.

    Args:
        path: The file.
        suffixes: Allowed suffixes.

    Raises:
        UserError: The suffix is not allowed, or the file cannot be written.
    """
    if path.suffix not in suffixes or path.is_dir():
        raise UserError(f'--out must name a file that ends in {" or ".join(suffixes)}, got {path}')
    make_folder('--out', path.parent)
    try:
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise UserError(f'--out {path} cannot be written: {error.strerror}') from error


def require_cuda(flag: str) -> None:
    """Raises a `UserError` if no GPU is available for a flag that requires one."""
    if not torch.cuda.is_available():
        raise UserError(f'{flag} needs a GPU, and torch sees none here: leave {flag} out')


def add_own_data_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments for own data in COCO format."""
    own = parser.add_argument_group('own data in COCO format', 'all four together; class names are read from the files')
    own.add_argument('--data-root', metavar='DIR', help='folder of the data')
    own.add_argument('--train-ann', metavar='FILE', help='annotations to train on, below --data-root')
    own.add_argument('--val-ann', metavar='FILE', help='annotations to validate on, below --data-root')
    own.add_argument('--img-dir', metavar='DIR', help='folder of the images, below --data-root')


def apply_own_data(cfg: Config, args: argparse.Namespace, read: Reader = read_coco) -> None:
    """Sets the own data of the command line in the config; see `use_own_coco` for `read`.

    Raises:
        UserError: An argument is missing, or see `use_own_coco`.
    """
    names = ('data_root', 'train_ann', 'val_ann', 'img_dir')
    given = {name: getattr(args, name) for name in names if getattr(args, name) is not None}
    if not given:
        return
    missing = ['--' + name.replace('_', '-') for name in names if name not in given]
    if missing:
        raise UserError(f'own data also needs {", ".join(missing)}')
    use_own_coco(cfg, **given, read=read)
