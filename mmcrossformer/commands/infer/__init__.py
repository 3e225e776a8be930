"""Predicts on images, folders and videos, and keeps boxes, masks, label maps or classes."""

import argparse
import sys
from pathlib import Path

import torch

from mmcrossformer.commands.common import add_config_arguments
from mmcrossformer.commands.infer.processes import TIMEOUT, joined
from mmcrossformer.commands.infer.run import Choices, Summary, infer


def main() -> None:
    """Reads the command line, predicts; exit code 1 if a file could not be read."""
    args = parse_args()
    with joined(args.timeout) as processes:
        with processes.agreed():
            choices = Choices(args.short_side, args.score_thr, args.top, args.overlays)
        summary = infer(
            args.config,
            args.checkpoint,
            args.inputs,
            args.out,
            choices,
            processes,
            options=args.cfg_options,
            device=args.device,
            overwrite=args.overwrite,
        )
        if processes.is_first:
            print(told(summary, args.out), flush=True)
        processes.wait()  # torchrun ends all when one ends with exit code 1: first everything is told
    if summary.failed:
        sys.exit(1)


def told(summary: Summary, out: Path) -> str:
    """The last line of a run."""
    text = f'{summary.pictures} pictures: {out / "predictions.json"}'
    if summary.earlier:
        text += f'; {summary.earlier} of them were there before'
    if summary.failed:
        text += f'; {len(summary.failed)} files failed: {out / "failed.txt"}'
    return text


def parse_args() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_config_arguments(parser)
    parser.add_argument('checkpoint', metavar='CHECKPOINT', help='checkpoint of a model trained with CONFIG')
    parser.add_argument(
        'inputs', nargs='+', metavar='IN', help="images, videos, folders (all images below them) or 'patterns/**/*.jpg'"
    )
    parser.add_argument('--out', type=Path, required=True, metavar='DIR', help='folder for the results')
    parser.add_argument('--overlays', action='store_true', help='also draw the predictions on the pictures')
    parser.add_argument('--short-side', type=int, metavar='N', help='pixels of the short side that the model sees')
    parser.add_argument(
        '--score-thr',
        type=float,
        metavar='T',
        help='least score of objects and classes (default: keep all, and draw objects of 0.3 and above)',
    )
    parser.add_argument('--top', type=int, default=5, metavar='N', help='classes of a classifier to keep (default: 5)')
    parser.add_argument(
        '--device',
        default='cuda' if torch.cuda.is_available() else 'cpu',
        help='where the model runs (default: a GPU if there is one)',
    )
    parser.add_argument(
        '--timeout',
        type=float,
        default=TIMEOUT,
        metavar='SECONDS',
        help=f'several processes: one that does not answer for so long counts as lost (default: {TIMEOUT:.0f})',
    )
    parser.add_argument('--overwrite', action='store_true', help='replace results of another run in the folder')
    return parser.parse_args()
