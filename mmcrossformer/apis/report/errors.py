"""What each kind of error of a detector costs, by the definition of TIDE (Bolya et al. 2020, arXiv 2008.08115).

Each prediction that is wrong has one error, each object that no prediction could have found is missed. An oracle fixes
one kind of error, and the gain in AP50 is what that kind costs. As in the paper, gains do not add up: with one kind
fixed, others weigh differently.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

from mmcrossformer.apis.report.average_precision import AR_DETS, ObjectTruth

_FOREGROUND, _BACKGROUND = 0.5, 0.1  # t_f and t_b of the paper
_RECALLS = np.linspace(0, 1, 101)
# Kind of error -> what it means. The last two are not of one kind: all wrong predictions, and all unmatched objects.
KINDS = dict(
    Cls='right place, wrong class',
    Loc='right class, wrong place: IoU from 0.1 to 0.5',
    Both='wrong class and wrong place',
    Dupe='the object was already found by a prediction of higher score',
    Bkg='there is no object: IoU below 0.1',
    Miss='no prediction comes near the object',
    FP='all wrong predictions, as if their scores were 0',
    FN='all objects that are not found',
)


@dataclass
class _Found:
    """A prediction: its error, and the object of another class or place that it should have matched."""

    label: int
    score: float
    right: bool
    ignored: bool
    kind: str = ''
    target: int | None = None


@dataclass
class _Objects:
    """All predictions, and class and use of all objects."""

    found: list[_Found] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)
    used: list[bool] = field(default_factory=list)

    def claims(self) -> dict[int, _Found]:
        """Returns, of the free objects that predictions should have matched, the one of the highest score."""
        best: dict[int, _Found] = {}
        for item in self.found:
            free = item.target is not None and not self.used[item.target]
            if free and (item.target not in best or item.score > best[item.target].score):
                best[item.target] = item  # type: ignore[index]
        return best


def error_costs(truth: ObjectTruth, found: COCO, kind: str) -> dict[str, float]:
    """Computes what each of `KINDS` costs.

    Args:
        truth: The objects.
        found: The predictions, from `index_results`; the 100 of an image with the highest scores count.
        kind: `bbox` or `segm`.

    Returns:
        Points of AP50, from 0 to 100. Classes without objects do not count, as in COCO's AP.
    """
    objects = _Objects()
    for image in truth.image_ids:
        _match(objects, truth, found, image, kind)
    claims = objects.claims()
    number = _count(objects.labels)
    base = _mean_ap(_points(objects, ''), number, number)
    costs = {}
    for name in ('Cls', 'Loc', 'Both', 'Dupe', 'Bkg'):
        costs[name] = max(_mean_ap(_points(objects, name, claims), number, number) - base, 0.0)
    free = [label for label, used in zip(objects.labels, objects.used, strict=True) if not used]
    missed = [label for i, label in enumerate(objects.labels) if not objects.used[i] and i not in claims]
    points = _points(objects, '')
    costs['Miss'] = max(_mean_ap(points, _without(number, missed), number) - base, 0.0)
    sure = {label: [(float(right), right) for _, right in values] for label, values in points.items()}
    costs['FP'] = _mean_ap(sure, number, number) - base
    costs['FN'] = _mean_ap(points, _without(number, free), number) - base
    return {name: 100 * cost for name, cost in costs.items()}


def _match(objects: _Objects, truth: ObjectTruth, found: COCO, image: int, kind: str) -> None:
    """Adds the objects and predictions of an image."""
    known = [a for a in truth.coco.imgToAnns[image] if a['category_id'] in truth.category_ids]
    real = [a for a in known if not a.get('iscrowd')]
    crowds = [a for a in known if a.get('iscrowd')]
    taken = sorted(found.imgToAnns[image], key=lambda result: -result['score'])[:AR_DETS]
    labels = np.array([result['category_id'] for result in taken], int)
    names = np.array([a['category_id'] for a in real], int)
    first = len(objects.labels)
    objects.labels += names.tolist()
    objects.used += [False] * len(names)
    if not taken:
        return
    ious = _overlaps(truth.coco, taken, real, kind, crowd=False)
    same = labels[:, None] == names[None]
    free = np.where(same, ious, 0.0)
    right = np.zeros(len(taken), bool)
    used = np.zeros(len(real), bool)
    for i in range(len(taken) if len(real) else 0):
        place = int(free[i].argmax())
        if free[i, place] >= _FOREGROUND:
            right[i] = used[place] = True
            free[:, place] = 0  # no longer free
    objects.used[first:] = used.tolist()
    inside = _overlaps(truth.coco, taken, crowds, kind, crowd=True) > _FOREGROUND
    inside &= labels[:, None] == np.array([a['category_id'] for a in crowds], int)[None]
    for i, result in enumerate(taken):
        item = _Found(int(labels[i]), result['score'], bool(right[i]), bool(inside[i].any() and not right[i]))
        if not right[i]:
            item.kind, target = _classify(ious[i], same[i], used)
            item.target = None if target is None else first + target
        objects.found.append(item)


def _classify(ious: np.ndarray, same: np.ndarray, used: np.ndarray) -> tuple[str, int | None]:
    """Returns the error of a wrong prediction, and the object that it should have matched.

    Args:
        ious: IoU with the objects of the image [N].
        same: Which of them are of its class [N].
        used: Which of them are matched [N].
    """
    if not ious.size:
        return 'Bkg', None
    own, other = np.where(same, ious, 0.0), np.where(same, 0.0, ious)
    if _BACKGROUND <= own.max() <= _FOREGROUND:
        return 'Loc', int(own.argmax())
    if other.max() >= _FOREGROUND:
        return 'Cls', int(other.argmax())
    if (own * used).max() >= _FOREGROUND:
        return 'Dupe', None
    return ('Bkg' if ious.max() <= _BACKGROUND else 'Both'), None


def _overlaps(truth: COCO, results: list[dict], annotations: list[dict], kind: str, crowd: bool) -> np.ndarray:
    """Computes the IoU [results, annotations]; with a crowd, the share of the prediction that is in it."""
    if not annotations:
        return np.zeros((len(results), 0))
    if kind == 'bbox':
        boxes = [np.array([item['bbox'] for item in items], float) for items in (results, annotations)]
        return np.asarray(coco_mask.iou(*boxes, [crowd] * len(annotations)))
    masks = [truth.annToRLE(annotation) for annotation in annotations]
    return np.asarray(coco_mask.iou([r['segmentation'] for r in results], masks, [crowd] * len(annotations)))


_Points = dict[int, list[tuple[float, bool]]]


def _points(objects: _Objects, fixed: str, claims: dict[int, _Found] | None = None) -> _Points:
    """Returns score and correctness of the predictions of each class, with one kind of error fixed.

    A fixed error of class or place becomes right if its object is free and no better prediction claims it; all others
    are removed.
    """
    points: _Points = defaultdict(list)
    for item in objects.found:
        if item.kind == fixed and fixed:
            target = item.target
            if claims and target is not None and claims.get(target) is item:
                points[objects.labels[target]].append((item.score, True))
        elif not item.ignored:
            points[item.label].append((item.score, item.right))
    return points


def _mean_ap(points: _Points, number: dict[int, int], classes: dict[int, int]) -> float:
    """Returns AP50, mean over the classes with objects; one whose objects and predictions are all gone is left out."""
    aps = [_ap(points.get(label, []), number[label]) for label in classes if number[label] > 0 or points.get(label)]
    return float(np.mean(aps)) if aps else 0.0


def _ap(points: Sequence[tuple[float, bool]], number: int) -> float:
    """Computes AP at 101 recalls."""
    if not points or number <= 0:
        return 0.0
    scores, right = np.array([p[0] for p in points]), np.array([p[1] for p in points])
    hits = np.cumsum(right[np.argsort(-scores, kind='mergesort')])
    precision = np.maximum.accumulate((hits / np.arange(1, len(hits) + 1))[::-1])[::-1]
    places = np.searchsorted(hits / number, _RECALLS, side='left')
    return float(np.append(precision, 0.0)[places].mean())


def _count(labels: Sequence[int]) -> dict[int, int]:
    names, counts = np.unique(np.array(labels, int), return_counts=True)
    return dict(zip(names.tolist(), counts.tolist(), strict=True))


def _without(number: dict[int, int], labels: Sequence[int]) -> dict[int, int]:
    gone: dict[Any, int] = _count(labels)
    return {label: count - gone.get(label, 0) for label, count in number.items()}
