"""Plots of benchmarks."""

from pathlib import Path
from typing import Any

from mmcrossformer.commands.benchmark.report import (
    Report,
    describe_mode,
    find_baseline,
    group_by_model,
    megapixels,
    per_pixel,
    row_label,
    time_per_mac_ratio,
    time_ratio,
)
from mmcrossformer.utils.figures import write_figure
from mmcrossformer.utils.labels import legend_label


def plot(report: Report, path: Path) -> None:
    """Plots a report: times relative to the baseline for each size, or time and memory per pixel over the size."""
    from matplotlib.figure import Figure

    kinds = list(dict.fromkeys(describe_mode(cell) for cell, _ in report.cells))
    figure = Figure(figsize=(11, 1 + 3.4 * len(kinds)), dpi=90, layout='constrained')
    panels = figure.subplots(len(kinds), 2, squeeze=False)
    for axes, kind in zip(panels, kinds, strict=True):
        (_draw_growth if report.growth else _draw_ratios)(report, kind, *axes)
        for axis in axes:
            axis.axhline(1, color='black', linewidth=0.8)
            axis.set(ylim=(0, None))
            axis.grid(alpha=0.3)
    handles = {text: line for axis in panels.flat for line, text in zip(*axis.get_legend_handles_labels(), strict=True)}
    figure.legend(handles.values(), handles.keys(), loc='outside lower center', ncols=4, fontsize='small')
    write_figure(path, figure)


def _draw_ratios(report: Report, kind: str, left: Any, right: Any) -> None:
    cells = [(f'{cell.height} x {cell.width}', rows) for cell, rows in report.cells if describe_mode(cell) == kind]
    for axis, ratio, what in ((left, time_ratio, 'time'), (right, time_per_mac_ratio, 'time for each multiply-add')):
        for number, name in enumerate(dict.fromkeys(row_label(row) for _, rows in cells for row in rows)):
            points = [
                (size, ratio(row, find_baseline(rows, report.baseline, row.compiled)))
                for size, rows in cells
                for row in rows
                if row_label(row) == name
            ]
            marker = 'osD^v<>P*X'[number % 10]
            axis.plot(*zip(*points, strict=True), label=legend_label(name), marker=marker, markersize=6, linewidth=0.7)
        axis.set(title=f'{what}, {kind}', ylabel=f'{report.baseline} = 1')
        axis.tick_params(axis='x', labelrotation=20)


def _draw_growth(report: Report, kind: str, left: Any, right: Any) -> None:
    for name, way, points in group_by_model(report):
        if way != kind:
            continue
        for axis, values in zip((left, right), per_pixel(points), strict=True):
            axis.plot(
                [megapixels(cell) for cell, _ in points], values, label=legend_label(name), marker='o', markersize=4
            )
    for axis, what in ((left, 'time'), (right, 'memory')):
        axis.set(title=f'{what}, {kind}', xlabel='megapixels', ylabel='for each pixel, first size = 1', xscale='log')
