"""Evaluates a checkpoint at several resolutions: accuracy, AP or mIoU, and time per image."""

import argparse
from pathlib import Path

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from mmcrossformer.commands.arguments import add_checkpoint, add_device, add_work_dir, parse_run, positive_int
from mmcrossformer.commands.common import add_config_arguments, find_device
from mmcrossformer.commands.sweep.report import Sweep, plot
from mmcrossformer.commands.sweep.run import sweep
from mmcrossformer.config.read import read_config
from mmcrossformer.config.sizes import default_sizes, own_size
from mmcrossformer.engine.job import default_work_dir
from mmcrossformer.utils.outputs import make_folder
from mmcrossformer.utils.progress import new_progress
from mmcrossformer.utils.weights import force_weights_only


def main() -> None:
    """Parses the command line, evaluates, and saves the results after each resolution."""
    args = parse_args()
    force_weights_only()
    device = find_device(args.device)
    cfg = read_config(args.config, args.cfg_options)
    sizes = args.sizes or default_sizes(own_size(cfg))
    folder = Path(args.work_dir or default_work_dir(args.config))
    found = None
    steps = sweep(cfg, args.checkpoint, sizes, device, args.cfg_options)
    make_folder('--work-dir', folder)
    with new_progress(Console(stderr=True), transient=True) as progress:
        for found in progress.track(steps, total=len(sizes), description='resolutions'):
            found.save(folder / 'resolution_sweep.json')
    assert found is not None, 'there is at least one size'
    plot([found], folder / 'resolution_sweep.png')
    Console().print(make_table(found))
    print(f'{folder}/resolution_sweep.json, {folder}/resolution_sweep.png')


def parse_args() -> argparse.Namespace:
    """Parses the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_config_arguments(parser)
    add_checkpoint(parser)
    parser.add_argument(
        '--sizes',
        nargs='+',
        type=positive_int,
        metavar='PIXELS',
        help='resolutions: short sides of the images that the test pipeline returns (default: half to twice that of '
        'the config)',
    )
    add_device(parser)
    add_work_dir(parser)
    return parse_run(parser)


def make_table(found: Sweep) -> Table:
    """Returns a table with one row for each resolution."""
    output = Table(
        title=f'{found.config}, {found.checkpoint}',
        box=box.SIMPLE,
        caption=f'{found.images} images; time: median of the batches, per image; batches of '
        f'{found.settings["batch_size"]} on {found.hardware.get("gpu") or found.hardware["cpu"]}',
    )
    output.add_column(escape('resolution [px]'), justify='right')
    output.add_column(found.metric, justify='right')
    output.add_column(escape('time [ms]'), justify='right')
    output.add_column('')
    for point in found.points:
        notes = ['trained'] * (point.size in found.trained_sizes) + ["the config's test"] * (
            point.size == found.own_size
        )
        if point.result is None or point.seconds is None:
            output.add_row(str(point.size), 'cannot run', '', escape(str(point.error)))
        else:
            output.add_row(str(point.size), f'{point.result:.4g}', f'{1000 * point.seconds:.1f}', ', '.join(notes))
    return output
