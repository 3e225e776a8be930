"""Tables of the report: what a model is worth on each class, on sizes of objects, and what its errors cost."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mmcrossformer.apis.report.average_precision import AR_DETS, AveragePrecision
from mmcrossformer.apis.report.errors import KINDS
from mmcrossformer.apis.report.evaluate import Evaluation
from mmcrossformer.apis.report.rankings import Ranking, find_best, pool

_WHAT = dict(bbox='box', segm='mask')
NONE = 'no objects'
_DASH = '-'


@dataclass(frozen=True)
class Table:
    """A table: its heading, what it shows, names of its columns, and rows of texts, the name first."""

    title: str
    text: str
    columns: list[str]
    rows: list[list[str]]


def make_tables(evaluation: Evaluation) -> list[Table]:
    """Returns all tables of an evaluation."""
    if evaluation.task == 'segmentation':
        return [_pixels(evaluation)]
    if evaluation.task == 'classification':
        return [_images(evaluation)]
    return [_objects(evaluation), _sizes(evaluation), _errors(evaluation)]


def _objects(evaluation: Evaluation) -> Table:
    found = evaluation.precision
    columns = [f'{_WHAT[kind]} {name}' for kind in found for name in ('AP', 'AP50', f'AR{AR_DETS}')]
    rows = []
    for label, (name, ranking) in enumerate(zip(evaluation.names, evaluation.rankings, strict=True)):
        values = [value for part in found.values() for value in (part.ap[label], part.ap50[label], part.recall[label])]
        numbers = [percent(value) for value in values] if ranking.number else [NONE, *[''] * (len(values) - 1)]
        rows.append([name, str(ranking.number), *numbers, *_best(ranking)])
    means = [percent(value) for part in found.values() for value in _overall(part)]
    everything = pool(evaluation.rankings)
    rows.append(['all', str(everything.number), *means, *_best(everything)])
    text = (
        f'AP, AP50 and recall in percent: AP and AR{AR_DETS} are means over IoU 0.5 to 0.95, AR{AR_DETS} with '
        f'at most {AR_DETS} predictions an image. Threshold: the lowest score that gives the best F1 at box IoU 0.5, '
        'with its precision and recall; the last row has that of all objects together.'
    )
    return Table('Classes', text, ['class', 'objects', *columns, *_BEST], rows)


_BEST = ['threshold', 'F1', 'precision', 'recall']


def _overall(part: AveragePrecision) -> tuple[float, float, float]:
    return part.stats[0], part.stats[1], part.stats[6]


def _sizes(evaluation: Evaluation) -> Table:
    rows = []
    for kind, part in evaluation.precision.items():
        rows.append([_WHAT[kind], *(percent(value, NONE) for value in part.stats[[0, 3, 4, 5]])])
    text = 'AP in percent. Small objects have up to 32 x 32 pixels, large ones more than 96 x 96.'
    return Table('Sizes of objects', text, ['', 'all', 'small (APs)', 'medium (APm)', 'large (APl)'], rows)


def _errors(evaluation: Evaluation) -> Table:
    rows = [
        [name, *(f'{costs[name]:.1f}' for costs in evaluation.costs.values()), meaning]
        for name, meaning in KINDS.items()
    ]
    text = (
        'What AP50 would gain, in points, if all errors of one kind were fixed (TIDE). Gains do not add up. FP and FN '
        'are not of one kind.'
    )
    return Table('What errors cost', text, ['error', *(_WHAT[kind] for kind in evaluation.costs), 'meaning'], rows)


def _pixels(evaluation: Evaluation) -> Table:
    matrix = evaluation.matrix
    hits, truth, found = np.diag(matrix), matrix.sum(axis=1), matrix.sum(axis=0)
    rows = []
    for label, name in enumerate(evaluation.names):
        union = truth[label] + found[label] - hits[label]
        share = percent(_ratio(truth[label], matrix.sum()))
        values = [_ratio(hits[label], union), _ratio(hits[label], truth[label]), _ratio(hits[label], found[label])]
        rows.append([name, share, *(percent(value) for value in values)])
    text = 'In percent. Accuracy: the share of the class that is found. Precision: the share of what is found.'
    return Table('Classes', text, ['class', 'share of pixels', 'IoU', 'accuracy', 'precision'], rows)


def _images(evaluation: Evaluation) -> Table:
    matrix = evaluation.matrix
    hits, truth, found = np.diag(matrix), matrix.sum(axis=1), matrix.sum(axis=0)
    rows = []
    for label, (name, ranking) in enumerate(zip(evaluation.names, evaluation.rankings, strict=True)):
        values = (
            _ratio(hits[label], found[label]),
            _ratio(hits[label], truth[label]),
            _ratio(2 * hits[label], truth[label] + found[label]) if truth[label] else math.nan,
        )
        numbers = [percent(value) for value in values] if truth[label] else ['no images', '', '']
        rows.append([name, str(truth[label]), *numbers, *_best(ranking)[:2]])
    text = (
        'Precision, recall and F1 of the class with the highest score, in percent. Threshold: the lowest score of the '
        'class that gives the best F1 if every class from its threshold on counts, and that F1.'
    )
    return Table('Classes', text, ['class', 'images', 'precision', 'recall', 'F1', 'threshold', 'its F1'], rows)


def _best(ranking: Ranking) -> Sequence[str]:
    best = find_best(ranking)
    if best is None:
        return [_DASH] * 4
    return [f'{best.score:.3f}', *(percent(value) for value in (best.f1, best.precision, best.recall))]


def _ratio(part: float, whole: float) -> float:
    return float(part / whole) if whole else math.nan


def percent(value: float, missing: str = _DASH) -> str:
    """Returns a share in percent, or what stands for a missing one."""
    return missing if math.isnan(value) else f'{100 * value:.1f}'
