"""Writes the report of a training run as one HTML page."""

import math
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np

from mmcrossformer.apis.report.charts import draw_charts
from mmcrossformer.apis.report.evaluate import SCORES, Evaluation
from mmcrossformer.apis.report.examples import data_uri
from mmcrossformer.apis.report.tables import make_tables
from mmcrossformer.utils.curves import Curves, headline
from mmcrossformer.utils.files import write_text
from mmcrossformer.utils.pages import render_page

# Of more classes, there is no matrix.
_READABLE = 20
_PAIRS = 20


@dataclass
class Report:
    """Content of the page.

    Attributes:
        name: Name of the training run.
        config: The config as it was trained, as text.
        config_path: File of the config.
        checkpoint: File of the weights.
        curves: Logged values.
        curves_png: File of the drawn curves; may not exist.
        starts: Entries of provenance.json, one for each start.
        evaluation: Evaluation on held-out images.
        score_thr: Lowest score of counted objects.
        missing: Reason why there is no evaluation.
    """

    name: str
    config: str
    config_path: Path
    checkpoint: str
    curves: Curves
    curves_png: Path
    starts: list[dict[str, Any]]
    score_thr: float
    evaluation: Evaluation | None = None
    missing: str = ''


@dataclass(frozen=True)
class Metric:
    """A validation metric: its last value, and the highest with its iteration."""

    name: str
    final: float
    best: float
    best_at: int


@dataclass(frozen=True)
class Pair:
    """Two classes that are confused: count, and share of all with that true class."""

    truth: str
    found: str
    count: int
    share: float


def write_page(report: Report, path: Path) -> None:
    """Writes the page as a single file without external resources."""
    drawn = report.curves_png.is_file()
    page = render_page(
        'mmcrossformer.apis.report',
        report=report,
        metrics=summarize_metrics(report.curves),
        curves=data_uri(report.curves_png.read_bytes(), 'png') if drawn else '',
        written=datetime.now(timezone.utc).strftime('%Y-%m-%d %H:%M UTC'),
        **_class_parts(report.evaluation),
        **_matrix_parts(report.evaluation),
    )
    write_text(path, page)


def _class_parts(evaluation: Evaluation | None) -> dict[str, Any]:
    """Returns the tables of the classes and their charts, which segmenters have none of."""
    if evaluation is None:
        return dict(tables=[], charts=[])
    charts = draw_charts(evaluation.names, evaluation.rankings) if evaluation.rankings else []
    return dict(tables=make_tables(evaluation), charts=charts)


def summarize_metrics(curves: Curves) -> list[Metric]:
    """Returns the final and highest value of each metric; NaN is highest only where nothing else is."""
    metrics = []
    for name, points in headline(curves.metrics).items():
        best_at, best = max(points, key=lambda point: (not math.isnan(point[1]), point[1]))
        metrics.append(Metric(name, points[-1][1], best, best_at))
    return metrics


def most_confused(evaluation: Evaluation) -> list[Pair]:
    """Returns the pairs of classes that are confused most often; the background of detectors is no class."""
    counts, names = evaluation.matrix, evaluation.classes
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    pairs = [
        Pair(names[row], names[column], int(counts[row, column]), float(shares[row, column]))
        for row, column in zip(*np.nonzero(counts), strict=True)
        if row != column and max(row, column) < len(evaluation.names)
    ]
    return sorted(pairs, key=lambda pair: -pair.count)[:_PAIRS]


def _matrix_parts(evaluation: Evaluation | None) -> dict[str, Any]:
    """Returns rows of cells (count, share of the row) the confused pairs, and the legend of the images."""
    if evaluation is None:
        return dict(rows=[], pairs=[], score='', legend=[])
    rows = []
    if len(evaluation.classes) <= _READABLE + 1:  # plus the background of detectors
        for name, counts in zip(evaluation.classes, evaluation.matrix.tolist(), strict=True):
            total = sum(counts)
            rows.append((name, total, [(count, count / total if total else 0.0) for count in counts]))
    # Drawn segments have no class names.
    legend = [*zip(evaluation.classes, evaluation.palette, strict=True)] if evaluation.task == 'segmentation' else []
    return dict(rows=rows, pairs=most_confused(evaluation), score=SCORES[evaluation.task], legend=legend)
