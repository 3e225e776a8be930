"""Checks data, classes, channels and learning rate of a training run without starting it."""

import argparse
import tempfile
from functools import cache
from pathlib import Path

from rich.console import Console

from mmcrossformer.commands.arguments import positive_int
from mmcrossformer.commands.check.table import class_tables
from mmcrossformer.commands.common import add_config_arguments, add_own_data_arguments, own_data_of
from mmcrossformer.config.read import read_config
from mmcrossformer.datasets.coco import read_coco
from mmcrossformer.engine.check import Limits, examine_job
from mmcrossformer.engine.own_data import use_own_data
from mmcrossformer.engine.runner import check_data
from mmcrossformer.utils.errors import UserError


def main() -> None:
    """Parses the command line, checks the job and prints the balance of classes and the findings."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_config_arguments(parser)
    parser.add_argument(
        '--decode', type=positive_int, metavar='N', help='images of each data set to decode (default: all)'
    )
    add_own_data_arguments(parser)
    args = parser.parse_args()
    cfg = read_config(args.config, args.cfg_options)
    read = cache(read_coco)
    with tempfile.TemporaryDirectory() as folder:  # for own data in another format
        for note in use_own_data(cfg, own_data_of(args), Path(folder), read):
            print(note)
        check_data(cfg, ('train', 'val'))
        report = examine_job(cfg, Limits(decoded=args.decode), read=read)
    for table in class_tables(report.contents):
        Console(highlight=False).print(table)
    for finding in report.findings:
        Console(soft_wrap=True, highlight=False).print(str(finding), markup=False)
    errors = sum(not finding.warning for finding in report.findings)
    if errors:
        raise UserError(f'{errors} of {len(report.findings)} findings are errors that would spoil the training')
    print('no errors that would spoil the training')
