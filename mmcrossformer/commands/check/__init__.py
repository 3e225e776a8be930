"""Checks data, classes, channels and learning rate of a training run without starting it."""

import argparse
import sys
import tempfile
from functools import cache
from pathlib import Path

from rich.console import Console

from mmcrossformer.commands.arguments import positive_int
from mmcrossformer.commands.check.table import draw_table
from mmcrossformer.commands.common import add_config_arguments, add_own_data_arguments, own_data_of
from mmcrossformer.config.read import read_config
from mmcrossformer.datasets.coco import read_coco
from mmcrossformer.engine.check import Limits, class_tables, examine_job
from mmcrossformer.engine.own_data import use_own_data
from mmcrossformer.engine.preview import write_preview
from mmcrossformer.engine.runner import check_data
from mmcrossformer.utils.errors import UserError
from mmcrossformer.utils.outputs import make_folder


def main() -> None:
    """Parses the command line, checks the job and prints the balance of classes and the findings."""
    args = parse_args()
    own = own_data_of(args)
    if args.preview is not None:
        if args.preview.suffix != '.html' or args.preview.is_dir():
            raise UserError(f'--preview must name a file that ends in .html, got {args.preview}')
        make_folder('--preview', args.preview.parent)
    cfg = read_config(args.config, args.cfg_options)
    read = cache(read_coco)
    with tempfile.TemporaryDirectory() as folder:  # for own data in another format
        for note in use_own_data(cfg, own, Path(folder), read):
            print(note)
        check_data(cfg, ('train', 'val'))
        report = examine_job(cfg, Limits(decoded=args.decode), read=read)
        if args.preview is not None and (reason := write_preview(cfg, report, args.preview)):
            print(f'warning: {reason}', file=sys.stderr)
    for table in class_tables(report.contents):
        Console(highlight=False).print(draw_table(table))
    for finding in report.findings:
        Console(soft_wrap=True, highlight=False).print(str(finding), markup=False)
    errors = sum(not finding.warning for finding in report.findings)
    if errors:
        raise UserError(f'{errors} of {len(report.findings)} findings are errors that would spoil the training')
    print('no errors that would spoil the training')


def parse_args() -> argparse.Namespace:
    """Parses the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_config_arguments(parser)
    parser.add_argument(
        '--decode', type=positive_int, metavar='N', help='images of each data set to decode (default: all)'
    )
    parser.add_argument(
        '--preview',
        type=Path,
        metavar='FILE',
        help='also write training pictures, classes and findings as HTML',
    )
    add_own_data_arguments(parser)
    return parser.parse_args()
