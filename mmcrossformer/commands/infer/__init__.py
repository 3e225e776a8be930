"""Predicts on images, folders and videos, and writes boxes, masks, label maps or classes."""

import argparse
import sys
from pathlib import Path

from mmcrossformer.apis.tiles.grid import OVERLAP, Tiling
from mmcrossformer.commands.arguments import (
    SCORE_THR,
    add_checkpoint,
    add_device,
    add_out,
    add_score_thr,
    add_short_side,
    parse_run,
    positive_int,
)
from mmcrossformer.commands.common import add_config_arguments, find_device
from mmcrossformer.commands.infer.processes import TIMEOUT, join_processes
from mmcrossformer.commands.infer.run import Choices, Summary, infer
from mmcrossformer.utils.errors import UserError


def main() -> None:
    """Parses the command line, predicts; exit code 1 if a file could not be read."""
    args = parse_args()
    with join_processes(args.timeout) as processes:
        with processes.fail_together():
            device = find_device(args.device)
        summary = infer(
            args.config,
            args.checkpoint,
            args.inputs,
            args.out,
            Choices(args.short_side, args.score_thr, args.top, args.overlays, args.tiles, args.overlap),
            processes,
            options=args.cfg_options,
            device=device,
            overwrite=args.overwrite,
        )
        if processes.is_first:
            print(summarize(summary, args.out), flush=True)
        processes.wait()  # torchrun ends all processes when one exits with code 1: the messages must come first
    if summary.failed:
        sys.exit(1)


def summarize(summary: Summary, out: Path) -> str:
    """Returns the last line of the output."""
    text = f'{summary.images} images: {out / "predictions.json"}'
    if summary.earlier:
        text += f'; {summary.earlier} of them from earlier runs'
    if summary.failed:
        text += f'; {len(summary.failed)} files failed: {out / "failed.txt"}'
    return text


def parse_args() -> argparse.Namespace:
    """Parses the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_config_arguments(parser)
    add_checkpoint(parser)
    parser.add_argument(
        'inputs',
        nargs='+',
        metavar='IN',
        help="images, videos, folders (all images in and below them) or patterns such as 'photos/**/*.jpg'",
    )
    add_out(parser, 'DIR', 'folder for the results')
    parser.add_argument('--overlays', action='store_true', help='also draw the predictions on the images')
    add_short_side(parser)
    _add_tiles(parser)
    add_score_thr(
        parser,
        f'lowest score of predictions that are drawn and written (default: {SCORE_THR} for drawn objects, write all)',
        default=None,
    )
    parser.add_argument(
        '--top',
        type=positive_int,
        default=5,
        metavar='N',
        help='number of classes of a classifier to keep (default: 5)',
    )
    add_device(parser)
    parser.add_argument(
        '--timeout',
        type=float,
        default=TIMEOUT,
        metavar='SECONDS',
        help='with several processes, time after which a process that does not answer counts as lost '
        f'(default: {TIMEOUT:.0f})',
    )
    parser.add_argument('--overwrite', action='store_true', help='replace results of another run in the folder')
    args = parse_run(parser, 'inputs')
    _check_tiles(parser, args)
    return args


def _add_tiles(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--tiles',
        type=positive_int,
        metavar='N',
        help='predict on tiles of N x N pixels and on the whole image, and merge the results: for large images',
    )
    parser.add_argument(
        '--overlap',
        type=float,
        metavar='SHARE',
        help=f'with --tiles, share of a tile that its neighbours show, too (default: {OVERLAP})',
    )


def _check_tiles(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    if args.tiles is None:
        if args.overlap is not None:
            parser.error('--overlap is the overlap of tiles: it needs --tiles N')
        return
    args.overlap = OVERLAP if args.overlap is None else args.overlap
    try:
        Tiling(args.tiles, args.overlap)
    except UserError as error:
        parser.error(f'--tiles, --overlap: {error}')
