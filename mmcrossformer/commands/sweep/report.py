"""Results of a model at several resolutions, which are stored as json and shown as a plot."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from mmcrossformer.utils.errors import UserError
from mmcrossformer.utils.figures import write_figure
from mmcrossformer.utils.files import write_json
from mmcrossformer.utils.labels import legend_label


@dataclass(frozen=True)
class Point:
    """Result of a model at one resolution.

    Attributes:
        size: Short side of the images that the test pipeline returns, in pixels.
        result: Value of the metric; None if the model cannot run.
        seconds: Median time of the model per image; None if the model cannot run.
        error: Why the model cannot run.
    """

    size: int
    result: float | None = None
    seconds: float | None = None
    error: str | None = None


@dataclass
class Sweep:
    """Results of a run of `mmcrossformer sweep`.

    Attributes:
        config: Name of the config.
        checkpoint: Name of the checkpoint's file.
        metric: Name of the metric, as the evaluator reports it.
        own_size: Test resolution of the config.
        trained_sizes: Training resolutions of the config; empty if the config does not set them.
        images: Number of images at each resolution.
        settings: Batch size, device, threads and replaced settings of the config.
        hardware: Processor or GPU.
        versions: Versions of the packages.
        revision: Revision of the checkout, if there is one.
        points: Results at each resolution.
    """

    config: str
    checkpoint: str
    metric: str
    own_size: int
    trained_sizes: list[int]
    images: int
    settings: dict[str, Any]
    hardware: dict[str, Any]
    versions: dict[str, str]
    revision: str | None = None
    points: list[Point] = field(default_factory=list)

    def save(self, path: Path) -> None:
        """Writes json."""
        write_json(path, asdict(self), indent=1)

    @classmethod
    def load(cls, path: Path) -> 'Sweep':
        """Reads what `save` wrote.

        Raises:
            UserError: The file is not a sweep.
        """
        try:
            content = json.loads(path.read_text())
            return cls(**content | dict(points=[_read_point(**point) for point in content['points']]))
        except (KeyError, TypeError, ValueError) as error:
            raise UserError(f'{path} was not written by `mmcrossformer sweep`: {error}') from error


def _read_point(error: str | None, result: float | None, **others: Any) -> Point:
    """Reads a point; a result that is not finite was written as null."""
    return Point(error=error, result=math.nan if result is None and error is None else result, **others)


def plot(sweeps: Sequence[Sweep], path: Path) -> None:
    """Plots metric and time over the resolution, one line for each sweep; training resolutions have filled markers.

    Args:
        sweeps: Sweeps of the same metric.
        path: PNG file to write.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.6), dpi=110, layout='constrained')
    left, right = figure.subplots(1, 2)
    for number, one in enumerate(sweeps):
        points = [point for point in one.points if point.error is None]
        sizes = [point.size for point in points]
        seen = [index for index, size in enumerate(sizes) if size in one.trained_sizes]
        results = [point.result for point in points]
        times = [1000 * point.seconds for point in points if point.seconds is not None]
        for axis, values in ((left, results), (right, times)):
            style = dict(color=f'C{number}', marker='osD^v<>P'[number % 8], markersize=6)
            axis.plot(sizes, values, markerfacecolor='white', linewidth=1.2, label=legend_label(one.config), **style)
            axis.plot([sizes[i] for i in seen], [values[i] for i in seen], linestyle='', **style)
    left.set(ylabel=sweeps[0].metric, title='result (filled: seen in training)')
    right.set(ylabel='ms per image', title='time', ylim=(0, None))
    for axis in (left, right):
        axis.set(xlabel='resolution: short side [pixels]')
        axis.grid(alpha=0.3)
    figure.legend(*left.get_legend_handles_labels(), loc='outside lower center', ncols=4, fontsize='small')
    write_figure(path, figure)
