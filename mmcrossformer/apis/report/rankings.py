"""Precision, recall and F1 over the lowest score that counts."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Ranking:
    """The predictions of a class.

    Attributes:
        scores: Their scores [M].
        right: Which of them are right [M].
        number: Number of objects or images of the class.
    """

    scores: np.ndarray
    right: np.ndarray
    number: int


@dataclass(frozen=True)
class Sweep:
    """What predictions from each score on are worth; all are [T], highest score first."""

    scores: np.ndarray
    precision: np.ndarray
    recall: np.ndarray
    f1: np.ndarray


@dataclass(frozen=True)
class Best:
    """The threshold of the best F1, and what it gives."""

    score: float
    f1: float
    precision: float
    recall: float


def sweep(ranking: Ranking) -> Sweep:
    """Takes each score as the threshold in turn; all predictions of equal score count together."""
    order = np.argsort(-ranking.scores, kind='mergesort')
    scores = ranking.scores[order]
    last = np.flatnonzero(np.append(scores[1:] != scores[:-1], True)) if len(scores) else np.zeros(0, int)
    right = np.cumsum(ranking.right[order])[last]
    found = last + 1
    return Sweep(scores[last], right / found, right / max(ranking.number, 1), 2 * right / (found + ranking.number))


def find_best(ranking: Ranking) -> Best | None:
    """Finds the threshold of the best F1, half way to the next lower score; None if nothing is right."""
    swept = sweep(ranking)
    if not ranking.right.any():
        return None
    place = int(swept.f1.argmax())
    # Half way, so that a prediction that moves by a rounding error stays on its side.
    score = swept.scores[place : place + 2].mean()
    return Best(float(score), *(float(values[place]) for values in (swept.f1, swept.precision, swept.recall)))


def pool(rankings: Sequence[Ranking]) -> Ranking:
    """Returns all classes together."""
    scores = [ranking.scores for ranking in rankings]
    right = [ranking.right for ranking in rankings]
    number = sum(ranking.number for ranking in rankings)
    return Ranking(np.concatenate([np.zeros(0), *scores]), np.concatenate([np.zeros(0, bool), *right]), number)


def image_rankings(scores: np.ndarray, truth: np.ndarray) -> list[Ranking]:
    """Returns the rankings of a classifier, each class against all others.

    Args:
        scores: Scores [images, classes].
        truth: True class of each image [images].
    """
    number = scores.shape[1]
    return [Ranking(scores[:, label], truth == label, int((truth == label).sum())) for label in range(number)]
