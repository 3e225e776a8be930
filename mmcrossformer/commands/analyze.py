"""Prints the cost of each part of a model: parameters, multiply-adds and activations for one image."""

import argparse

from rich.console import Console
from rich.table import Table

from mmcrossformer.apis.complexity import analyze
from mmcrossformer.commands.arguments import positive_int
from mmcrossformer.commands.common import add_config_arguments
from mmcrossformer.config.read import read_config
from mmcrossformer.config.sizes import input_shape


def main() -> None:
    """Parses the command line and prints the costs."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_config_arguments(parser)
    parser.add_argument(
        '--shape',
        nargs=2,
        type=positive_int,
        metavar=('HEIGHT', 'WIDTH'),
        help='image in pixels (default: as in testing)',
    )
    args = parser.parse_args()
    cfg = read_config(args.config, args.cfg_options)
    height, width = args.shape or input_shape(cfg)
    table = Table(title=f'{args.config} at {height} x {width}')
    table.add_column('part')
    for name in ('parameters [M]', 'multiply-adds [G]', 'activations [M]'):
        table.add_column(name, justify='right')
    for cost in analyze(cfg, height, width):
        figures = (f'{cost.macs / 1e9:.3f}', f'{cost.activations / 1e6:.1f}') if cost.ran else ('not run', '')
        table.add_row(cost.part, f'{cost.params / 1e6:.3f}', *figures, style='bold' if cost.part == 'total' else None)
    Console().print(table)
