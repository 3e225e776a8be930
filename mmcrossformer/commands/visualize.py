"""Draws predictions of a model on an image, and pyramid, groups, position bias and filters of its backbone."""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure

from mmcrossformer import CrossFormer
from mmcrossformer.apis.predictor import Predictor, read_image
from mmcrossformer.apis.thresholds import read_thresholds
from mmcrossformer.commands.arguments import (
    BEST,
    SCORE_THR,
    add_checkpoint,
    add_device,
    add_out,
    add_score_thr,
    add_short_side,
    parse_run,
)
from mmcrossformer.commands.common import add_config_arguments, find_device
from mmcrossformer.utils.errors import UserError
from mmcrossformer.utils.outputs import make_folder
from mmcrossformer.visual import (
    Placement,
    draw_filters,
    draw_groups,
    draw_position_bias,
    draw_predictions,
    draw_pyramid,
    probe,
    save,
)

PICTURES = ('predictions', 'pyramid', 'groups', 'bias', 'filters')
# Pictures of what only CrossFormer has.
CROSSFORMER_ONLY = PICTURES[2:]


def main() -> None:
    """Parses the command line, draws, and prints the names of the files."""
    args = parse_args()
    device = find_device(args.device)
    image = read_image(args.image)
    pixel = args.pixel or (image.shape[0] // 2, image.shape[1] // 2)
    predictor = Predictor(args.config, args.checkpoint, args.cfg_options, device)
    score_thr: float | np.ndarray = args.score_thr
    if args.score_thr == BEST:
        if args.checkpoint is None:
            raise UserError('--score-thr best: random weights have no thresholds: pass a CHECKPOINT')
        score_thr = read_thresholds(args.checkpoint, predictor.classes)
    wanted = choose_pictures(args.only or PICTURES, predictor, args.checkpoint)
    batch = predictor.prepare(image, args.short_side)
    placement = Placement.from_batch(image, batch)
    if args.pixel or 'groups' in wanted:
        pixel = placement.pixel(*pixel)
    make_folder('--out', args.out)
    for name, figure in draw(wanted, predictor, placement, batch, pixel, args, score_thr):
        path = args.out / f'{name}.png'
        save(figure, path)
        print(path)


def choose_pictures(asked: tuple[str, ...] | list[str], predictor: Predictor, checkpoint: str | None) -> list[str]:
    """Returns the pictures that can be drawn; prints which are left out and why.

    Raises:
        UserError: No picture can be drawn.
    """
    reasons = {}
    if checkpoint is None:
        reasons['predictions'] = 'the weights are random; pass a CHECKPOINT'
    backbone = getattr(predictor.model, 'backbone', None)
    if backbone is None:
        reasons |= dict.fromkeys(PICTURES[1:], f'{type(predictor.model).__name__} has no backbone')
    elif not isinstance(backbone, CrossFormer):
        reasons |= dict.fromkeys(CROSSFORMER_ONLY, f'the backbone is {type(backbone).__name__}, not CrossFormer')
    wanted = [name for name in PICTURES if name in asked and name not in reasons]
    left_out = [f'{name} left out: {reasons[name]}' for name in PICTURES if name in asked and name in reasons]
    if not wanted:
        raise UserError(f'nothing to draw. {"; ".join(left_out)}')
    for line in left_out:
        print(line)
    return wanted


def draw(
    wanted: list[str],
    predictor: Predictor,
    placement: Placement,
    batch: dict[str, Any],
    pixel: tuple[int, int],
    args: argparse.Namespace,
    score_thr: float | np.ndarray,
) -> Iterator[tuple[str, Figure]]:
    """Yields name and figure of each picture."""
    backbone: Any = getattr(predictor.model, 'backbone', None)
    inputs = batch['inputs']
    if 'predictions' in wanted:
        found = predictor(placement.image, args.short_side)
        yield 'predictions', draw_predictions(placement.image, found, predictor.classes, score_thr)
    if 'pyramid' in wanted:
        with torch.no_grad():
            yield 'pyramid', draw_pyramid(placement, backbone(inputs))
    if 'groups' in wanted:
        yield 'groups', draw_groups(placement, probe(backbone, inputs, pixel))
    if 'bias' in wanted:
        yield 'bias', draw_position_bias(backbone, placement.input_size)
    if 'filters' in wanted:
        yield 'filters', draw_filters(backbone.stages[0].embed)


def parse_args() -> argparse.Namespace:
    """Parses the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_config_arguments(parser)
    add_checkpoint(parser, optional='random weights')
    parser.add_argument('image', metavar='IMAGE', help='image file')
    parser.add_argument(
        '--pixel',
        nargs=2,
        type=int,
        metavar=('ROW', 'COL'),
        help='pixel of IMAGE whose groups are drawn (default: the center)',
    )
    add_short_side(parser)
    add_score_thr(parser, f'lowest score of the objects that are drawn (default: {SCORE_THR})')
    add_device(parser)
    parser.add_argument('--only', nargs='+', choices=PICTURES, help='pictures to draw (default: all)')
    add_out(parser, 'DIR', 'folder for the pictures', Path('work_dirs/visualize'))
    return parse_run(parser, optional=True)
