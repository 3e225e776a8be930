"""Exports a backbone or a classifier to ONNX or torch.export, for any batch size, height and width."""

import argparse

import torch
from rich.console import Console

from mmcrossformer.apis.model import build_model
from mmcrossformer.commands.arguments import add_checkpoint, add_out, parse_run, positive_int
from mmcrossformer.commands.common import add_config_arguments, prepare_out_file
from mmcrossformer.commands.export.program import (
    SUFFIXES,
    TOLERANCE,
    Logits,
    as_list,
    bake_position_bias,
    compare_outputs,
    export,
    require_onnx,
    save,
)
from mmcrossformer.config.read import read_config
from mmcrossformer.utils.errors import UserError
from mmcrossformer.utils.old_torch import require_torch
from mmcrossformer.utils.weights import load_weights


def main() -> None:
    """Parses the command line, exports the model and checks the program at other sizes."""
    args = parse_args()
    require_torch('2.7', 'export')
    out = args.out
    if out.is_file():
        raise UserError(f'--out {out} exists: delete it or name another file')
    if min(*args.shape, args.max_size) < 32:
        raise UserError(f'--shape and --max-size take at least 32 pixels, got {args.shape} and {args.max_size}')
    if out.suffix == '.onnx':
        require_onnx()
    prepare_out_file(out, SUFFIXES)
    cfg = read_config(args.config, args.cfg_options)
    model = build_model(cfg)
    if args.checkpoint is not None:
        load_weights(model, args.checkpoint)
    model.eval()
    if args.part == 'classifier' and cfg.default_scope != 'mmpretrain':
        raise UserError(f'{args.config} is not a classifier: omit --part to export its backbone')
    is_classifier = args.part == 'classifier' or (args.part is None and cfg.default_scope == 'mmpretrain')
    if not hasattr(model, 'backbone'):
        raise UserError(f'{args.config} has no backbone: export {type(model).__name__} with its own library')
    channels = model.backbone.in_channels
    if args.bake:
        bake_position_bias(model, args.max_size)
    module = Logits(model).eval() if is_classifier else model.backbone

    height, width = args.shape
    images = torch.zeros(2, channels, height, width)
    with torch.no_grad():
        count = len(as_list(module(images)))
    names = ['logits'] if is_classifier else [f'stage{i}' for i in model.backbone.out_indices]
    assert len(names) == count
    save(export(module, images), out, names)

    console = Console(highlight=False)
    console.print(
        f'{out}: {"classifier" if is_classifier else "backbone"}, images [B, {channels}, H, W] to {", ".join(names)}'
    )
    preprocessor = cfg.model.get('data_preprocessor') or cfg.get('data_preprocessor') or {}
    console.print(f'images must be normalised first: mean {preprocessor.get("mean")}, std {preprocessor.get("std")}')
    # Odd, small and elongated sizes, which take other branches of the grouping than the traced size.
    others = [(1, height + 13, width + 40), (3, 100, 75), (1, 96, 400)]
    worst = 0.0
    for shape, difference in compare_outputs(module, out, [(b, channels, h, w) for b, h, w in others]):
        console.print(
            f'{" x ".join(map(str, shape))}: differs from the model by {difference:.1e} of the largest output'
        )
        worst = max(worst, difference)
    if not worst <= TOLERANCE:
        raise UserError(f'{out} differs from the model by {worst:.1e}, allowed is {TOLERANCE}: do not use this file')


def parse_args() -> argparse.Namespace:
    """Parses the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_config_arguments(parser)
    add_checkpoint(parser, optional='random weights')
    add_out(parser, 'FILE', 'file to write, *.onnx or *.pt2')
    parser.add_argument(
        '--part', choices=['backbone', 'classifier'], help='default: the classifier, if the config has one'
    )
    parser.add_argument(
        '--shape',
        nargs=2,
        type=positive_int,
        default=(224, 224),
        metavar=('HEIGHT', 'WIDTH'),
        help='size in pixels of the image for tracing (default: 224 224)',
    )
    parser.add_argument('--bake', action='store_true', help='store position biases as tables up to --max-size')
    parser.add_argument(
        '--max-size',
        type=positive_int,
        default=1344,
        metavar='PIXELS',
        help='longest side of an image with --bake (default: %(default)s)',
    )
    return parse_run(parser, optional=True)
