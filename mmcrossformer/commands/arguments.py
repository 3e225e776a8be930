"""Arguments that are the same in every command; imports only the standard library.

`mmcrossformer.commands.common` applies them.
"""

import argparse
import math
import os
import re
from pathlib import Path

from mmcrossformer.config.package import list_configs
from mmcrossformer.utils.run import find_run, find_weights

SCORE_THR = 0.3
BEST = 'best'
_WEIGHTS = ('.pth', '.safetensors')


def add_checkpoint(parser: argparse.ArgumentParser, optional: str | None = None) -> None:
    """Adds CHECKPOINT, a file or the work directory of a training; `parse_run` finds its weights.

    Args:
        parser: Parser of the command.
        optional: What is used by default, for the help text; None requires it, unless CONFIG is a work directory.
    """
    text = 'checkpoint of a model trained with CONFIG, or its work directory, of which the best weights are taken'
    text += f' (default: {optional})' if optional else ''
    text += '. With the work directory of a training as CONFIG: none'
    parser.add_argument('checkpoint', nargs='?', metavar='CHECKPOINT', help=text)


def parse_run(
    parser: argparse.ArgumentParser, inputs: str | None = None, *, optional: bool = False
) -> argparse.Namespace:
    """Parses a command line with CONFIG and CHECKPOINT; either may be the work directory of a training.

    Args:
        parser: Parser of the command, with `add_checkpoint`.
        inputs: Name of a list of arguments that follows CHECKPOINT.
        optional: Whether CHECKPOINT may be missing.

    Returns:
        The arguments, with files as `config` and `checkpoint`; `run_dir` is the work directory in place of CONFIG.

    Raises:
        UserError: See `find_run`.
    """
    # Options are allowed between the positional arguments, of which CHECKPOINT may be missing.
    args = parser.parse_intermixed_args()
    args.run_dir = None
    if args.config is not None and os.path.isdir(args.config) and args.config not in list_configs():
        args.run_dir = args.config
        if inputs and args.checkpoint is not None and not args.checkpoint.endswith(_WEIGHTS):
            setattr(args, inputs, [args.checkpoint, *getattr(args, inputs)])
            args.checkpoint = None
        run = find_run(args.run_dir)
        args.config, args.checkpoint = str(run.config), args.checkpoint or str(run.checkpoint)
        _print_once(str(run) if args.checkpoint == str(run.checkpoint) else f'{args.run_dir}: config {run.config.name}')
    if args.checkpoint is None:
        if not optional:
            parser.error('the following arguments are required: CHECKPOINT (or a work directory as CONFIG)')
    elif os.path.isdir(args.checkpoint):
        args.checkpoint = str(find_weights(args.checkpoint))
        _print_once(f'weights: {args.checkpoint}')
    elif not os.path.isfile(args.checkpoint):  # Path.is_file raises without permission
        parser.error(f'argument CHECKPOINT: {args.checkpoint} is no file')
    return args


def _print_once(text: str) -> None:
    """Prints in the first of the processes that torchrun starts."""
    if os.environ.get('RANK', '0') == '0':
        print(text)


def add_device(parser: argparse.ArgumentParser) -> None:
    """Adds `--device`; `common.find_device` checks that the device is available."""
    parser.add_argument(
        '--device',
        type=_device,
        default='auto',
        metavar='auto|cpu|cuda|cuda:N',
        help='where the model runs; auto: on a GPU if one is available (default: auto)',
    )


def add_out(parser: argparse.ArgumentParser, metavar: str, text: str, default: Path | None = None) -> None:
    """Adds `--out`, the file or folder that results are written to.

    Args:
        parser: Parser of the command.
        metavar: Name of the value in the help text, such as DIR.
        text: Help text.
        default: Default path; None makes the option required.
    """
    text += f' (default: {default})' if default else ''
    parser.add_argument('--out', type=Path, required=default is None, default=default, metavar=metavar, help=text)


def add_work_dir(parser: argparse.ArgumentParser) -> None:
    """Adds `--work-dir`, the folder of a training or test run."""
    parser.add_argument(
        '--work-dir', metavar='DIR', help='folder for logs and results (default: work_dirs/<name of the config>)'
    )


def add_seed(parser: argparse.ArgumentParser, default: int | None = None) -> None:
    """Adds `--seed`."""
    text = f'random seed (default: {"a new one" if default is None else default})'
    parser.add_argument('--seed', type=_seed, default=default, metavar='N', help=text)


def add_score_thr(parser: argparse.ArgumentParser, text: str, default: float | None = SCORE_THR) -> None:
    """Adds `--score-thr`, the lowest score of objects that are drawn or written: a number, or `best`.

    `best` stands for the thresholds of the report of the training; `apis.thresholds.read_thresholds` reads them.
    """
    text += f'; {BEST}: the thresholds of best F1 that training wrote beside CHECKPOINT'
    parser.add_argument('--score-thr', type=_score, default=default, metavar=f'T|{BEST}', help=text)


def add_short_side(parser: argparse.ArgumentParser) -> None:
    """Adds `--short-side`."""
    parser.add_argument(
        '--short-side',
        type=positive_int,
        metavar='N',
        help='short side of the model input in pixels (default: as in testing)',
    )


def positive_int(text: str) -> int:
    """Parses a positive integer."""
    if not re.fullmatch(r'\d+', text) or int(text) < 1:
        raise argparse.ArgumentTypeError(f'must be a whole number from 1 on, got {text!r}')
    return int(text)


def _seed(text: str) -> int:
    if not re.fullmatch(r'\d+', text) or int(text) >= 2**32:
        raise argparse.ArgumentTypeError(f'must be a whole number from 0 to {2**32 - 1}, got {text!r}')
    return int(text)


def _score(text: str) -> float | str:
    if text == BEST:
        return text
    try:
        score = float(text)
    except ValueError:
        score = math.nan
    if not 0 <= score <= 1:
        raise argparse.ArgumentTypeError(f'must be a number from 0 to 1, or {BEST}, got {text!r}')
    return score


def _device(text: str) -> str:
    if not re.fullmatch(r'auto|cpu|cuda(:\d+)?', text):
        raise argparse.ArgumentTypeError(f'must be auto, cpu, cuda or cuda:N (N from 0 on), got {text!r}')
    return text
