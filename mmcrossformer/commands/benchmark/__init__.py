"""Measures time, multiply-adds and memory of backbones side by side, or how they grow with the image size."""

import argparse
import re
from dataclasses import asdict
from pathlib import Path

import torch
from rich import box
from rich.console import Console
from rich.table import Table

from mmcrossformer.commands.arguments import add_device, positive_int
from mmcrossformer.commands.benchmark.backbones import backbone_names, find_backbone
from mmcrossformer.commands.benchmark.measure import (
    DTYPES,
    MODES,
    Candidate,
    Cell,
    Settings,
    benchmark,
    make_growth_cells,
)
from mmcrossformer.commands.benchmark.plot import plot
from mmcrossformer.commands.benchmark.report import Report
from mmcrossformer.commands.benchmark.tables import make_tables
from mmcrossformer.commands.common import find_device, prepare_out_file
from mmcrossformer.utils.errors import UserError, check_unique
from mmcrossformer.utils.machine import command_line, hardware, revision, versions
from mmcrossformer.utils.old_torch import require_torch

MODELS = ('crossformer_s', 'crossformerpp_s', 'swin_t', 'pvtv2_b2', 'twins_pcpvt_s', 'convnext_t', 'resnet_50')
SHAPES = ('224x224', '512x512', '800x1280', '228x228', '801x1333', '96x2048')
BASELINE = 'swin_t'


def main() -> None:
    """Parses the command line, measures the cells, and prints and saves the results of each cell."""
    args = parse_arguments()
    backbones = [find_backbone(name) for name in dict.fromkeys(args.models)]
    models = [backbone.name for backbone in backbones]
    check_unique('names of models', models)
    if args.baseline is None:
        args.baseline = BASELINE if BASELINE in models else models[0]
    if args.baseline not in models:
        raise UserError(f'--baseline must be one of the models measured ({", ".join(models)}), got {args.baseline!r}')
    device = find_device(args.device)
    if args.compile:
        require_torch('2.7', '--compile')
    compiled = (False, True) if args.compile else (False,)
    candidates = [Candidate(backbone, flag) for backbone in backbones for flag in compiled]
    shapes = [parse_shape(shape) for shape in args.shapes]
    if args.out:
        prepare_out_file(args.out, ['.json'])

    settings = Settings(device, args.threads, args.repeats, args.warmup, not args.no_memory)
    report = Report(
        command_line(),
        args.baseline,
        args.growth is not None,
        asdict(settings),
        hardware(device),
        versions(),
        revision(),
    )
    console = Console()
    shown = 0
    interrupted = False
    try:
        for result in benchmark(list_cells(args, shapes), candidates, settings):
            report.cells.append(result)
            if args.out:
                report.save(args.out)
            if not report.growth:
                shown = show(console, report, shown)
    except KeyboardInterrupt:
        interrupted = True
    if report.growth:
        show(console, report, shown)
    for line in report.origin():
        console.print(line, style='dim', highlight=False)
    if args.out and report.cells:
        plot(report, args.out.with_suffix('.png'))
        print(f'{args.out}, {args.out.with_suffix(".png")}')
    if interrupted:
        raise KeyboardInterrupt


def parse_arguments() -> argparse.Namespace:
    """Parses the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add(
        '--models',
        nargs='+',
        default=MODELS,
        metavar='NAME',
        help=f'configs, or names of backbones: {", ".join(backbone_names())} (default: {" ".join(MODELS)})',
    )
    add(
        '--baseline',
        metavar='NAME',
        help=f'reference model of the ratios (default: {BASELINE} if it is measured, else the first model)',
    )
    add(
        '--shapes',
        nargs='+',
        default=SHAPES,
        metavar='HxW',
        help=f'image sizes in pixels (default: {" ".join(SHAPES)})',
    )
    add(
        '--growth',
        choices=['square', 'elongated'],
        help='instead of --shapes: square images, or images 96 pixels high, of 0.05 to 8 megapixels; shows time and '
        'memory per pixel',
    )
    add('--batch-size', type=positive_int, default=1, metavar='N', help='images per step (default: 1)')
    add(
        '--mode',
        nargs='+',
        choices=MODES,
        default=['inference'],
        help='inference: forward; training: forward and backward',
    )
    add('--dtype', nargs='+', choices=DTYPES, default=['fp32'], help='bf16 and fp16 by autocast')
    add('--compile', action='store_true', help='also measure the models compiled with torch.compile')
    add_device(parser)
    add(
        '--threads',
        type=positive_int,
        default=torch.get_num_threads(),
        metavar='N',
        help='number of threads of torch (default: %(default)s)',
    )
    add('--repeats', type=positive_int, default=10, metavar='N', help='timed repetitions (default: %(default)s)')
    add('--warmup', type=positive_int, default=2, metavar='N', help='repetitions before timing (default: %(default)s)')
    add('--no-memory', action='store_true', help='do not measure memory')
    add('--out', type=Path, metavar='FILE.json', help='file for the results; a plot is written next to it')
    return parser.parse_args()


def parse_shape(text: str) -> tuple[int, int]:
    """Parses a size such as 800x1280."""
    match = re.fullmatch(r'([1-9]\d*)x([1-9]\d*)', text)
    if not match:
        raise UserError(f'--shapes takes HEIGHTxWIDTH in pixels such as 800x1280, got {text!r}')
    return int(match[1]), int(match[2])


def list_cells(args: argparse.Namespace, shapes: list[tuple[int, int]]) -> list[Cell]:
    """Lists the cells to measure, by mode, dtype and shape."""
    cells = []
    for mode in args.mode:
        for dtype in args.dtype:
            if args.growth:
                base = Cell(0, 0, mode, dtype, args.batch_size)
                cells += make_growth_cells(base, elongated=args.growth == 'elongated')
            else:
                cells += [Cell(height, width, mode, dtype, args.batch_size) for height, width in shapes]
    return cells


def show(console: Console, report: Report, start: int) -> int:
    """Prints the tables from index `start` on; returns the index of the next one."""
    found = list(make_tables(report))
    for text in found[start:]:
        table = Table(title=text.title, box=box.SIMPLE, pad_edge=False, collapse_padding=True)
        for number, name in enumerate(text.head):
            table.add_column(name.replace(' ', '\n'), justify='right' if number else 'left', no_wrap=True)
        for row in text.rows:
            table.add_row(*row)
        console.print(table)
        for error in text.errors:
            console.print(error, markup=False, highlight=False)
    return len(found)
