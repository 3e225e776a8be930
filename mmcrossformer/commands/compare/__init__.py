"""Trains and tests several configs, or one config with several backbones, and prints a table.

The table has metrics, parameters, multiply-adds, step time and memory.
"""

import argparse
import math
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from mmcrossformer.commands.arguments import add_seed
from mmcrossformer.commands.compare.run import Result, common_metric, compare, save
from mmcrossformer.config.backbones import list_backbones
from mmcrossformer.utils.metrics import METRICS


def main() -> None:
    """Parses the command line, runs what is not finished and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('configs', nargs='+', metavar='CONFIG', help='configs of one task, as names or files')
    parser.add_argument(
        '--backbones',
        nargs='+',
        metavar='NAME',
        default=[],
        help='also run the first CONFIG with each of these backbones, from random weights: a file that sets a '
        f'backbone, or {", ".join(list_backbones())}',
    )
    parser.add_argument(
        '--work-dir',
        type=Path,
        default=Path('work_dirs/compare'),
        help='folder for the results; finished runs in it are reused',
    )
    parser.add_argument(
        '--evaluate-only', action='store_true', help='test the checkpoints in the folder without training'
    )
    add_seed(parser, default=0)
    parser.add_argument(
        '--cfg-options', nargs='+', metavar='KEY=VALUE', default=[], help='settings to replace in all configs'
    )
    args = parser.parse_args()
    results = compare(
        args.configs,
        args.work_dir,
        train=not args.evaluate_only,
        seed=args.seed,
        backbones=args.backbones,
        options=args.cfg_options,
    )
    save(results, args.work_dir)
    Console().print(make_table(results))
    print(f'{args.work_dir}/compare.json, {args.work_dir}/compare.png')


def make_table(results: list[Result]) -> Table:
    """Returns a table with one row for each config, best result first."""
    metric = common_metric(results)
    shown = [name for name in METRICS if all(name in result.metrics for result in results)]
    output = Table(
        box=box.SIMPLE,
        pad_edge=False,
        collapse_padding=True,
        caption='params in M, MACs in G, a step in s, memory in GB',
    )
    output.add_column('config', no_wrap=True)
    headings = [name.removeprefix('coco/').removesuffix('_mAP') + ' AP' * name.endswith('_mAP') for name in shown]
    for name in (*headings, 'params', 'MACs', 'step', 'memory'):
        output.add_column(name, justify='right', min_width=6)
    for result in sorted(results, key=lambda result: _order(result.metrics[metric])):
        output.add_row(
            result.name,
            *(f'{result.metrics[name]:.3f}' for name in shown),
            f'{result.params / 1e6:.2f}',
            f'{result.macs / 1e9:.2f}',
            f'{result.step_seconds:.2f}',
            f'{result.peak_bytes / 1e9:.2f}',
        )
    return output


def _order(value: float) -> tuple[bool, float]:
    """Returns the place in a table, best first; NaN is last."""
    return math.isnan(value), -value
