"""The report of a training as one page of HTML."""

from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined

from mmcrossformer.apis.report.evaluate import SCORES, Evaluation
from mmcrossformer.apis.report.pictures import Example, data_uri
from mmcrossformer.utils.curves import Curves, headline
from mmcrossformer.utils.files import write_text

# A matrix of more classes is told by the pairs that are confused most.
_READABLE = 20
_PAIRS = 20


@dataclass
class Report:
    """What the page tells.

    Attributes:
        name: Of the training.
        config: The config as it was trained, as text.
        config_path: Where it is.
        checkpoint: File of the weights.
        curves: What was logged.
        curves_png: The same drawn, if it was.
        starts: Entries of provenance.json, one for each start.
        evaluation: What was found on held-out pictures.
        best: Held-out pictures with the highest scores.
        worst: Those with the lowest.
        score_thr: Least score of objects that were counted.
        missing: Why there is no evaluation.
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
    best: list[Example] = field(default_factory=list)
    worst: list[Example] = field(default_factory=list)
    missing: str = ''


@dataclass(frozen=True)
class Metric:
    """A figure of the validations: the last one, and the highest with its iteration."""

    name: str
    final: float
    best: float
    best_at: int


@dataclass(frozen=True)
class Pair:
    """Two classes that are confused: how often, and the share of all with that truth."""

    truth: str
    found: str
    count: int
    share: float


def write_page(report: Report, path: Path) -> None:
    """Writes the page: no other file, address or program is needed to read it."""
    environment = Environment(
        loader=PackageLoader('mmcrossformer.apis.report', '.'),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    drawn = report.curves_png.is_file()
    page = environment.get_template('page.html').render(
        report=report,
        metrics=summarize_metrics(report.curves),
        curves=data_uri(report.curves_png.read_bytes(), 'png') if drawn else '',
        written=datetime.now(timezone.utc).strftime('%Y-%m-%d %H:%M UTC'),
        **_matrix_parts(report.evaluation),
    )
    write_text(path, page)


def summarize_metrics(curves: Curves) -> list[Metric]:
    """Final and highest value of each metric."""
    metrics = []
    for name, points in headline(curves.metrics).items():
        best_at, best = max(points, key=lambda point: point[1])
        metrics.append(Metric(name, points[-1][1], best, best_at))
    return metrics


def most_confused(evaluation: Evaluation) -> list[Pair]:
    """The pairs of classes that are confused most often."""
    counts, names = evaluation.matrix, evaluation.classes
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    pairs = [
        Pair(names[row], names[column], int(counts[row, column]), float(shares[row, column]))
        for row, column in zip(*np.nonzero(counts), strict=True)
        if row != column
    ]
    return sorted(pairs, key=lambda pair: -pair.count)[:_PAIRS]


def _matrix_parts(evaluation: Evaluation | None) -> dict[str, Any]:
    """The matrix as rows of cells (count, share of the row) or the pairs of a large one, and what explains pictures."""
    if evaluation is None:
        return dict(rows=[], pairs=[], score='', legend=[])
    rows = []
    if len(evaluation.classes) <= _READABLE + 1:  # the background of detectors comes on top
        for name, counts in zip(evaluation.classes, evaluation.matrix.tolist(), strict=True):
            total = sum(counts)
            rows.append((name, total, [(count, count / total if total else 0.0) for count in counts]))
    # Maps of pixels carry no names.
    legend = [*zip(evaluation.classes, evaluation.palette, strict=True)] if evaluation.task == 'segmentation' else []
    pairs = [] if rows else most_confused(evaluation)
    return dict(rows=rows, pairs=pairs, score=SCORES[evaluation.task], legend=legend)
