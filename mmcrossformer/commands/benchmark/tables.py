"""Text tables of benchmarks, for the terminal and for pages."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from mmcrossformer.commands.benchmark.measure import Cell, Row
from mmcrossformer.commands.benchmark.report import (
    Report,
    describe_mode,
    find_baseline,
    group_by_model,
    megapixels,
    per_pixel,
    quartiles,
    row_label,
    share_of_products,
    time_per_mac_ratio,
    time_ratio,
)

_HEAD = (
    'model',
    'params [M]',
    'MACs [G]',
    'ms',
    'quartiles',
    'GMAC/s',
    'of products',
    'ms ratio',
    'ms/MAC ratio',
    'peak MB',
)
_GROWTH_HEAD = ('size', 'megapixels', 'ms', 'quartiles', 'ms/MP', 'ms/MP ratio', 'peak MB', 'MB/MP', 'MB/MP ratio')


@dataclass
class TextTable:
    """A table of strings.

    Attributes:
        title: Title.
        head: Headings.
        rows: Cells of each row; '-' for a missing value.
        errors: Name and error of each row that failed.
    """

    title: str
    head: tuple[str, ...]
    rows: list[list[str]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


def make_tables(report: Report) -> Iterator[TextTable]:
    """Yields one table for each cell or, for growing image sizes, for each model."""
    if not report.growth:
        for cell, rows in report.cells:
            yield _cell_table(cell, rows, report.baseline)
        return
    for name, way, points in group_by_model(report):
        yield _growth_table(f'{name}, {way}', points)


def _cell_table(cell: Cell, rows: list[Row], base_name: str) -> TextTable:
    rate = next((row.product_rate for row in rows if row.product_rate), None)
    products = f'; matrix products: {rate / 1e9:.1f} GMAC/s' if rate else ''
    table = TextTable(f'{cell.height} x {cell.width}, {describe_mode(cell)}{products}', _HEAD)
    for row in rows:
        base = find_baseline(rows, base_name, row.compiled)
        median, spread = _milliseconds(cell, row)
        macs = (row.macs or np.nan) / 1e9
        table.rows.append(
            [
                row_label(row),
                _format_number((row.params or np.nan) / 1e6, 2),
                _format_number(macs, 2),
                _format_short(median),
                spread,
                _format_number(macs / median * 1e3, 1),
                _format_number(share_of_products(cell, row), 2),
                _format_number(time_ratio(row, base), 2),
                _format_number(time_per_mac_ratio(row, base), 2),
                _format_short(_megabytes(row)),
            ]
        )
        table.errors += [f'{row_label(row)}: {row.error}'] if row.error else []
    return table


def _growth_table(title: str, points: list[tuple[Cell, Row]]) -> TextTable:
    table = TextTable(title, _GROWTH_HEAD)
    for (cell, row), time, memory in zip(points, *per_pixel(points), strict=True):
        size = f'{cell.height} x {cell.width}'
        median, spread = _milliseconds(cell, row)
        table.rows.append(
            [
                size,
                _format_number(megapixels(cell), 3),
                _format_short(median),
                spread,
                _format_short(median / megapixels(cell)),
                _format_number(time, 2),
                _format_short(_megabytes(row)),
                _format_short(_megabytes(row) / megapixels(cell)),
                _format_number(memory, 2),
            ]
        )
        table.errors += [f'{size}: {row.error}'] if row.error else []
    return table


def _milliseconds(cell: Cell, row: Row) -> tuple[float, str]:
    """Returns median and quartiles per image."""
    low, median, high = (1e3 * seconds / cell.batch_size for seconds in quartiles(row))
    return median, f'{_format_short(low)}-{_format_short(high)}' if row.seconds else '-'


def _megabytes(row: Row) -> float:
    return np.nan if row.peak_bytes is None else row.peak_bytes / 1e6


def _format_number(value: float, digits: int) -> str:
    return '-' if np.isnan(value) else f'{value:.{digits}f}'


def _format_short(value: float) -> str:
    """Formats a number with one decimal below 100 and with none above."""
    return _format_number(value, 1 if value < 100 else 0)
