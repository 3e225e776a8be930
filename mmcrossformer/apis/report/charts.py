"""Charts of the report: precision over recall, and F1 over the lowest score that counts."""

import io
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mmcrossformer.apis.report.examples import data_uri
from mmcrossformer.apis.report.rankings import Ranking, find_best, sweep
from mmcrossformer.utils.figures import prepare_texts
from mmcrossformer.utils.labels import legend_label, shorten

_READABLE = 10  # Of more classes, those of the lowest F1 are drawn.
# Of the legend: columns, and characters of a name.
_COLUMNS, _LONGEST = 3, 28
_GRID = np.linspace(0, 1, 201)


def draw_charts(classes: Sequence[str], rankings: Sequence[Ranking]) -> list[str]:
    """Draws precision over recall, and F1 over the lowest score.

    Args:
        classes: Names of the classes.
        rankings: Predictions of each class. Those without objects are left out.

    Returns:
        The two pictures as data URIs; none without objects.
    """
    known = [(name, ranking) for name, ranking in zip(classes, rankings, strict=True) if ranking.number]
    if not known:
        return []
    shown = known if len(known) <= _READABLE else sorted(known, key=_quality)[: _READABLE // 2]
    which = f': the {len(shown)} classes of lowest F1' if len(shown) < len(known) else ''
    left, precisions = _axes(f'Precision and recall{which}', 'recall', 'precision')
    right, f1s = _axes(f'F1{which}', 'lowest score that counts', 'F1')
    for name, ranking in shown:
        precisions.plot(_GRID, _precision(ranking), label=legend_label(shorten(name, _LONGEST)), linewidth=1)
        f1s.plot(_GRID, _f1(ranking), label=legend_label(shorten(name, _LONGEST)), linewidth=1)
    if len(known) > 1:
        label = f'mean of {"all " if which else ""}{len(known)} classes'
        means = [np.mean([curve(ranking) for _, ranking in known], axis=0) for curve in (_precision, _f1)]
        precisions.plot(_GRID, means[0], color='black', label=label, linewidth=2.4)
        f1s.plot(_GRID, means[1], color='black', label=label, linewidth=2.4)
    return [_encode(left), _encode(right)]


def _quality(item: tuple[str, Ranking]) -> float:
    best = find_best(item[1])
    return best.f1 if best else 0.0


def _precision(ranking: Ranking) -> np.ndarray:
    """Returns the highest precision from each recall of the grid on, as AP is computed."""
    swept = sweep(ranking)
    highest = np.maximum.accumulate(swept.precision[::-1])[::-1]
    return np.append(highest, 0.0)[np.searchsorted(swept.recall, _GRID)]


def _f1(ranking: Ranking) -> np.ndarray:
    """Returns F1 of the predictions from each score of the grid on."""
    swept = sweep(ranking)
    number = np.searchsorted(-swept.scores, -_GRID, side='right')  # thresholds from that score on
    return np.append(0.0, swept.f1)[number]


def _axes(title: str, x: str, y: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(6.6, 5.2), dpi=110, layout='constrained')
    axes = figure.subplots()
    axes.set(title=title, xlabel=x, ylabel=y, xlim=(0, 1), ylim=(0, 1.02))
    axes.grid(alpha=0.3)
    return figure, axes


def _encode(figure: Figure) -> str:
    # Below, since the curves of F1 leave no place free.
    figure.legend(loc='outside lower center', ncols=_COLUMNS, fontsize='small', frameon=False)
    prepare_texts(figure)
    stream = io.BytesIO()
    figure.savefig(stream, format='png')
    return data_uri(stream.getvalue(), 'png')
