"""Arguments shared by several commands, and the functions that apply them."""

import argparse
import math
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config, DictAction

from mmcrossformer.commands.arguments import add_seed, add_work_dir
from mmcrossformer.engine.job import read_job
from mmcrossformer.engine.own_data import OwnCoco, OwnData
from mmcrossformer.utils.errors import UserError
from mmcrossformer.utils.outputs import make_folder


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
    prepare_launcher(args)
    return read_job(args.config, args.cfg_options, args.work_dir, args.seed, args.launcher)


def prepare_launcher(args: argparse.Namespace) -> None:
    """Applies `--local_rank`, by which old launchers name the process.

    Raises:
        UserError: torchrun has not started this process although `--launcher` says so.
    """
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    if args.launcher == 'pytorch' and 'RANK' not in os.environ:
        raise UserError(
            '--launcher pytorch runs under torchrun: torchrun --nproc-per-node N -m mmcrossformer_cli train|test ...'
        )


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


def add_own_data_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments for own data."""
    own = parser.add_argument_group('own data', 'a folder in any format; docs/own_data.md describes them')
    own.add_argument('--data', metavar='DIR', help='folder of the data; what is in it is found out and printed')
    own.add_argument(
        '--split',
        type=_share,
        metavar='S',
        help='share of the images to train on if the folder has none to validate on (default: 0.8)',
    )
    own.add_argument('--data-format', metavar='NAME', help='format of the data, if the folder has several')
    coco = parser.add_argument_group('own data in COCO format, file by file', 'all four together, in place of --data')
    coco.add_argument('--data-root', metavar='DIR', help='folder of the data')
    coco.add_argument('--train-ann', metavar='FILE', help='annotations to train on, below --data-root')
    coco.add_argument('--val-ann', metavar='FILE', help='annotations to validate on, below --data-root')
    coco.add_argument('--img-dir', metavar='DIR', help='folder of the images, below --data-root')


def own_data_of(args: argparse.Namespace) -> OwnData:
    """Returns the own data that the arguments of `add_own_data_arguments` name.

    Raises:
        UserError: Some of the arguments that belong together are missing, or arguments exclude each other.
    """
    given = {name: getattr(args, name) for name in OwnCoco._fields if getattr(args, name) is not None}
    missing = ['--' + name.replace('_', '-') for name in OwnCoco._fields if name not in given]
    if given and args.data is not None:
        raise UserError('--data names a folder of own data, --data-root files of it in COCO format: use one of them')
    if given and missing:
        raise UserError(f'own data also needs {", ".join(missing)}')
    if args.data is None and (args.split is not None or args.data_format is not None):
        raise UserError(
            f'--{"split" if args.split is not None else "data-format"} is for --data DIR, which is not given'
        )
    return OwnData(args.data, args.split, args.data_format, OwnCoco(**given) if given else None)


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = math.nan
    if not 0 < share < 1:
        raise argparse.ArgumentTypeError(f'must be a number between 0 and 1, such as 0.8, got {text!r}')
    return share
