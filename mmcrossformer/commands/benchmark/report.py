"""Results of benchmarks, which are stored as json and shown as tables and plots."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from mmcrossformer.commands.benchmark.measure import Cell, Row
from mmcrossformer.utils.files import write_json


@dataclass
class Report:
    """Results of a run of `mmcrossformer benchmark`.

    Attributes:
        command: Command line.
        baseline: Reference model of the ratios.
        growth: Whether the cells are growing image sizes.
        settings: How it was measured, see `measure.Settings`.
        hardware: Processor or GPU.
        versions: Versions of the packages.
        revision: Revision of the checkout, if there is one.
        cells: Each cell with its rows.
    """

    command: str
    baseline: str
    growth: bool
    settings: dict[str, Any]
    hardware: dict[str, Any]
    versions: dict[str, str]
    revision: str | None = None
    cells: list[tuple[Cell, list[Row]]] = field(default_factory=list)

    def save(self, path: Path) -> None:
        """Writes json, atomically."""
        content = asdict(self)
        content['cells'] = [dict(cell, rows=rows) for cell, rows in content['cells']]
        write_json(path, content, indent=1)

    @classmethod
    def load(cls, path: Path) -> 'Report':
        """Reads what `save` wrote."""
        content = json.loads(path.read_text())
        content['cells'] = [
            (Cell(**cell), [Row(**row) for row in rows])
            for cell, rows in ((cell, cell.pop('rows')) for cell in content['cells'])
        ]
        return cls(**content)

    def origin(self) -> list[str]:
        """Returns lines on hardware, repetitions and versions, for the caption of a table."""
        hardware, settings = self.hardware, self.settings
        lines = [hardware[key] for key in ('gpu', 'cpu') if key in hardware]
        lines[0] += f', CUDA {hardware["cuda"]}' if 'cuda' in hardware else ''
        lines[-1] += f', {hardware["cores"]} cores, {settings["threads"]} threads'
        turns = f'{settings["repeats"]} repetitions after {settings["warmup"]} that do not count'
        tools = ', '.join(f'{name} {version}' for name, version in self.versions.items())
        return ['; '.join(lines), turns, tools + (f', revision {self.revision}' if self.revision else '')]


def group_by_model(report: Report) -> Iterator[tuple[str, str, list[tuple[Cell, Row]]]]:
    """Yields, for each model and mode: name of the model, mode, and its rows at all sizes."""
    found = [(describe_mode(cell), row_label(row), cell, row) for cell, rows in report.cells for row in rows]
    order = list(dict.fromkeys(entry[:2] for entry in found))
    found.sort(key=lambda entry: order.index(entry[:2]))
    for (way, name), group in groupby(found, lambda entry: entry[:2]):
        yield name, way, [(cell, row) for *_, cell, row in group]


def per_pixel(points: list[tuple[Cell, Row]]) -> tuple[list[float], list[float]]:
    """Returns time and memory per pixel relative to the first size: 1 if they grow in proportion to the pixels."""
    times = [quartiles(row)[1] / cell.batch_size / megapixels(cell) for cell, row in points]
    memories = [(row.peak_bytes or np.nan) / megapixels(cell) for cell, row in points]
    return [time / times[0] for time in times], [memory / memories[0] for memory in memories]


def quartiles(row: Row) -> tuple[float, float, float]:
    """Returns first quartile, median and third quartile of a step's time in seconds; NaN without times."""
    return tuple(np.percentile(row.seconds, (25, 50, 75)).tolist()) if row.seconds else (np.nan,) * 3


def time_ratio(row: Row, base: Row) -> float:
    """Returns the ratio of the median times of two rows."""
    return quartiles(row)[1] / quartiles(base)[1]


def time_per_mac_ratio(row: Row, base: Row) -> float:
    """Returns the ratio of the median times per multiply-add of two rows."""
    return time_ratio(row, base) * (base.macs or np.nan) / (row.macs or np.nan)


def share_of_products(cell: Cell, row: Row) -> float:
    """Returns the rate of multiply-adds relative to plain matrix products; a training step counts as three forwards."""
    macs = (row.macs or np.nan) * (3 if cell.mode == 'training' else 1) * cell.batch_size
    return macs / quartiles(row)[1] / (row.product_rate or np.nan)


def row_label(row: Row) -> str:
    """Returns the name of a row in tables."""
    return row.model + ', compiled' * row.compiled


def find_baseline(rows: list[Row], name: str, compiled: bool) -> Row:
    """Finds the row of the baseline, compiled or not."""
    return next(row for row in rows if row.model == name and row.compiled == compiled)


def describe_mode(cell: Cell) -> str:
    """Describes mode, dtype and batch size of a cell."""
    batch = f', batch of {cell.batch_size}' if cell.batch_size > 1 else ''
    return f'{cell.mode}, {cell.dtype}{batch}'


def megapixels(cell: Cell) -> float:
    """Returns the image size of a cell in megapixels."""
    return cell.height * cell.width / 1e6
