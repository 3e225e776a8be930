"""Curves of a training run: losses, learning rate and validation metrics."""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmcrossformer.utils.figures import write_figure
from mmcrossformer.utils.labels import legend_label

Points = list[tuple[int, float]]

# Logged by mmengine besides losses and metrics.
_BOOKKEEPING = {'lr', 'base_lr', 'data_time', 'time', 'epoch', 'iter', 'memory', 'step', 'grad_norm', 'eta'}


@dataclass
class Curves:
    """Logged values by name, each as points (iteration, value)."""

    losses: dict[str, Points] = field(default_factory=dict)
    rates: dict[str, Points] = field(default_factory=dict)
    metrics: dict[str, Points] = field(default_factory=dict)


def read_curves(work_dir: str | Path) -> Curves:
    """Reads the values that mmengine logged in a work directory.

    A resumed run replaces what an earlier run had logged from the same iteration on.

    Args:
        work_dir: Folder with one `<time>/vis_data/scalars.json` a run.

    Returns:
        All losses, learning rates and validation metrics.
    """
    curves = Curves()
    for path in sorted(Path(work_dir).glob('*/vis_data/scalars.json')):
        iteration = None
        for record in _records(path):
            if 'loss' in record:
                if iteration is None:
                    _forget_from(curves, record['iter'])
                iteration = record['iter']
            if iteration is None:
                continue  # a test, or a validation before the first logged iteration
            logged = curves.losses if 'loss' in record else curves.metrics
            for name, value in record.items():
                target = curves.rates if _is_rate(name) else logged
                if (_is_rate(name) or _is_curve(name)) and isinstance(value, int | float):
                    target.setdefault(name, []).append((iteration, value))
    return curves


def _is_rate(name: str) -> bool:
    return name == 'lr' or name.endswith('.lr')  # with several optimizers, each has its own


def _is_curve(name: str) -> bool:
    return name not in _BOOKKEEPING and not name.startswith('amplitude/')


def _records(path: Path) -> Iterator[dict]:
    for line in path.read_text().splitlines():
        if line.startswith('{') and line.endswith('}'):  # the last line of a killed run may be cut
            yield json.loads(line)


def _forget_from(curves: Curves, iteration: int) -> None:
    for points_by_name in (curves.losses, curves.rates, curves.metrics):
        for name, points in points_by_name.items():
            points_by_name[name] = [point for point in points if point[0] < iteration]


def plot_curves(curves: Curves, path: str | Path, title: str = '') -> None:
    """Draws losses, learning rate and validation metrics side by side.

    Args:
        curves: The curves.
        path: PNG file to write.
        title: Heading.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(14, 4), dpi=110, layout='constrained')
    left, middle, right = figure.subplots(1, 3)
    figure.suptitle(title)
    losses = {name: points for name, points in curves.losses.items() if 'loss' in name}
    for name, points in losses.items():
        width = 2.2 if name == 'loss' else 1.0
        left.plot(*zip(*points, strict=True), label=legend_label(name), linewidth=width, **_marks(points))
    left.set(title='Training loss', xlabel='iteration', ylabel='loss', ylim=(0, None))
    for name, points in curves.rates.items():
        middle.plot(*zip(*points, strict=True), label=legend_label(name), **_marks(points))
    middle.set(title='Learning rate', xlabel='iteration', ylabel='learning rate', ylim=(0, None))
    for name, points in headline(curves.metrics).items():
        right.plot(*zip(*points, strict=True), label=legend_label(name), marker='o', markersize=4)
    right.set(title='Validation', xlabel='iteration', ylabel='metric', ylim=(0, None))
    for axis in (left, middle, right):
        axis.grid(alpha=0.3)
        if axis.lines:
            axis.legend(fontsize='small')
    write_figure(path, figure)


def _marks(points: Points) -> dict[str, Any]:
    """Returns arguments of `plot` that mark points without a finite neighbour, which no line shows."""
    finite = [False, *(math.isfinite(value) for _, value in points), False]
    alone = [i for i, around in enumerate(zip(finite, finite[1:], finite[2:], strict=False)) if around == (0, 1, 0)]
    return dict(marker='o', markevery=alone) if alone else {}


def headline(metrics: dict[str, Points]) -> dict[str, Points]:
    """Leaves out AP by object size (-1 where a size does not occur) and by class, and empty curves."""
    small_print = ('mAP_s', 'mAP_m', 'mAP_l', '_precision')
    return {name: points for name, points in metrics.items() if points and not name.endswith(small_print)}
