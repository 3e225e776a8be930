"""What the report says about the objects of a detector, and the thresholds that it writes."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from mmengine.registry import init_default_scope
from objects import CATEGORIES, SIZE, as_samples, make_objects
from pycocotools import mask as coco_mask

from mmcrossformer.apis.prediction import Prediction, above
from mmcrossformer.apis.report import Evaluation, Report, write_page
from mmcrossformer.apis.report.average_precision import (
    as_results,
    evaluate_objects,
    index_results,
    kinds_of,
    read_object_truth,
)
from mmcrossformer.apis.report.errors import error_costs
from mmcrossformer.apis.report.rankings import Ranking, find_best, image_rankings, pool, sweep
from mmcrossformer.apis.report.tables import make_tables
from mmcrossformer.apis.thresholds import Thresholds, read_thresholds
from mmcrossformer.utils.curves import Curves
from mmcrossformer.utils.errors import UserError

# By tidecv 1.0.1, the program of TIDE's authors, of make_objects(seed): boxes, and masks of the same shape.
TIDE = {
    0: dict(
        Cls=11.273927655275102,
        Loc=0.5705883599148223,
        Both=2.116186066579857,
        Dupe=5.691035309745892,
        Bkg=9.818231912190058,
        Miss=7.421795751003671,
        FP=34.59670792828985,
        FN=9.128565680406595,
    ),
    2: dict(
        Cls=3.8197867405788415,
        Loc=12.935460212687971,
        Both=2.118872628482407,
        Dupe=2.584663228227612,
        Bkg=7.278072129557323,
        Miss=9.240781220979216,
        FP=37.31277889693735,
        FN=11.496006743531495,
    ),
}


def coco_dataset(content, path):
    """mmdet's data set of annotations, which it reads from a file."""
    from mmdet.datasets import CocoDataset

    init_default_scope('mmdet')
    path.write_text(json.dumps(content))
    classes = tuple(category['name'] for category in content['categories'])
    places = dict(ann_file=str(path), data_prefix=dict(img=''))
    return CocoDataset(**places, metainfo=dict(classes=classes), test_mode=True, pipeline=[])


def read(content, path):
    dataset = coco_dataset(content, path)
    return read_object_truth(dataset, dataset.metainfo['classes'], range(len(dataset)))


@pytest.mark.parametrize('seed', TIDE)
def test_costs_are_those_of_tide(seed, tmp_path):
    content, results = make_objects(seed)
    truth = read(content, tmp_path / 'truth.json')
    for kind in kinds_of(truth, results):
        assert error_costs(truth, index_results(truth, results, kind), kind) == pytest.approx(TIDE[seed], abs=1e-9)


A, B = [10, 10, 40, 40], [100, 100, 40, 40]
SINGLE = {
    'Cls': (7, A, 0.9),
    'Loc': (3, [30, 10, 40, 40], 0.9),
    'Both': (7, [30, 10, 40, 40], 0.9),
    'Bkg': (3, [150, 150, 20, 20], 0.95),
    'Dupe': (3, [101, 100, 40, 40], 0.65),
}


@pytest.mark.parametrize('kind', [*SINGLE, 'Miss'])
def test_an_error_alone_costs_what_it_costs(kind, tmp_path):
    """Objects A and B of one class; B is found, A not: it is missed where no other error is about it."""
    content, _ = make_objects(images=1)
    thing = dict(image_id=1, category_id=3, iscrowd=0, area=1600)
    content['annotations'] = [dict(thing, id=i, bbox=box) for i, box in ((1, A), (2, B))]
    found = [(3, B, 0.7)] + ([SINGLE[kind]] if kind in SINGLE else [])
    if kind in ('Bkg', 'Dupe'):
        found.append((3, A, 0.6))  # nothing else is wrong
    results = [dict(image_id=1, category_id=c, bbox=box, score=score) for c, box, score in found]
    truth = read(content, tmp_path / 'truth.json')
    costs = error_costs(truth, index_results(truth, results, 'bbox'), 'bbox')
    alone = {name for name in ('Cls', 'Loc', 'Both', 'Dupe', 'Bkg', 'Miss') if costs[name] > 1e-9}
    # A prediction of another class on A takes nothing from the AP of its own, which has no objects.
    assert alone == {'Both': {'Miss'}}.get(kind, {kind})


def host_stats(monkeypatch, content, results, path):
    """All that `COCOeval` computes within mmdet's `CocoMetric`, which rounds it."""
    from mmdet.evaluation.metrics import coco_metric

    seen = []
    original = coco_metric.COCOeval.summarize
    monkeypatch.setattr(coco_metric.COCOeval, 'summarize', lambda self: (original(self), seen.append(self))[0])
    metric = coco_metric.CocoMetric(ann_file=str(path), metric=['bbox', 'segm'], classwise=True)
    metric.dataset_meta = dict(classes=tuple(CATEGORIES.values()))
    metric.process({}, as_samples(content, results))
    metric.evaluate(len(content['images']))
    monkeypatch.undo()
    return seen


def test_numbers_are_those_of_the_host(monkeypatch, tmp_path):
    content, results = make_objects()
    path = tmp_path / 'truth.json'
    truth = read(content, path)
    seen = host_stats(monkeypatch, content, results, path)
    labels = list(CATEGORIES)
    found = []
    for image, sample in zip(content['images'], as_samples(content, results), strict=True):
        part = sample['pred_instances']
        masks = np.array([coco_mask.decode(mask) for mask in part['masks']], bool).reshape(-1, SIZE, SIZE)
        boxes, scores = part['bboxes'].numpy(), part['scores'].numpy()
        prediction = Prediction('detection', (SIZE, SIZE), 0, part['labels'].numpy(), scores, boxes, masks)
        found += as_results(prediction, image['id'], labels)
    assert kinds_of(truth, found) == ['bbox', 'segm']
    for kind, host in zip(('bbox', 'segm'), seen, strict=True):
        ours = evaluate_objects(truth, index_results(truth, found, kind), kind)
        np.testing.assert_allclose(ours.stats, np.where(host.stats < 0, np.nan, host.stats), atol=1e-9)
        order = np.argsort(labels)
        precision = host.eval['precision'][:, :, :, 0, -1].mean(axis=(0, 1))
        np.testing.assert_allclose(ours.ap[order][:3], precision[:3], atol=1e-9)
        assert np.isnan(ours.ap[3])
        assert [ranking.number for ranking in ours.rankings] == [
            sum(a['category_id'] == number and not a['iscrowd'] for a in content['annotations']) for number in labels
        ]


def test_truth_of_another_data_set():
    """One that is not read from COCO's format gives its objects itself."""
    info = dict(width=50, height=40, instances=[dict(bbox=[1, 2, 11, 22], bbox_label=1, ignore_flag=0)])
    truth = read_object_truth(SimpleNamespace(get_data_info=lambda index: info), ('cat', 'dog'), [4, 6])
    found = Prediction('detection', (40, 50), 0, np.array([1]), np.array([0.5]), np.array([[1.0, 2, 11, 22]]))
    results = [*as_results(found, truth.image_ids[0], truth.category_ids)]
    precision = evaluate_objects(truth, index_results(truth, results, 'bbox'), 'bbox')
    assert precision.stats[1] == pytest.approx(51 / 101)  # one of two is found
    assert [ranking.number for ranking in precision.rankings] == [0, 2]


def test_thresholds_of_the_best_f1():
    ranking = Ranking(np.array([0.9, 0.5, 0.5, 0.8, 0.2]), np.array([True, True, False, False, True]), 4)
    swept = sweep(ranking)
    assert swept.scores.tolist() == [0.9, 0.8, 0.5, 0.2]  # equal scores count together
    assert swept.f1.tolist() == pytest.approx([2 / 5, 2 / 6, 4 / 8, 6 / 9])
    best = find_best(Ranking(ranking.scores[:4], ranking.right[:4], 2))
    assert (best.score, best.precision, best.recall) == (0.9, 1.0, 0.5) or best.f1 == pytest.approx(2 / 3)
    best = find_best(Ranking(np.array([0.9, 0.4]), np.array([True, False]), 1))
    assert (best.score, best.f1) == (pytest.approx(0.65), 1.0)  # half way
    assert find_best(Ranking(np.array([0.9]), np.array([False]), 1)) is None
    assert find_best(Ranking(np.zeros(0), np.zeros(0, bool), 0)) is None
    first, second = image_rankings(np.array([[0.8, 0.2], [0.4, 0.6]]), np.array([0, 1]))
    assert (first.right.tolist(), second.right.tolist(), second.number) == ([True, False], [False, True], 1)
    assert pool([first, second]).number == 2


def test_thresholds_are_read_beside_the_checkpoint(tmp_path):
    checkpoint, classes = tmp_path / 'best.pth', ('cat', 'dog')
    with pytest.raises(UserError, match=r'score_thresholds.json cannot be read.*pass a number'):
        read_thresholds(checkpoint, classes)
    checkpoint.write_bytes(b'weights')
    Thresholds(0.4, dict(cat=0.7, dog=None)).write(tmp_path, checkpoint)
    limits = read_thresholds(checkpoint, classes)
    assert limits.tolist() == [0.7, 0.4]
    found = Prediction('detection', (9, 9), 0, np.array([0, 1, 0]), np.array([0.7, 0.5, 0.6]), np.zeros((3, 4)))
    assert above(found, limits).labels.tolist() == [0, 1]
    with pytest.raises(UserError, match='is of 2 classes, and not of those of'):
        read_thresholds(checkpoint, ('cat', 'cow'))
    renamed = checkpoint.rename(tmp_path / 'mine.pth')
    assert read_thresholds(renamed, classes).tolist() == [0.7, 0.4]
    checkpoint.write_bytes(b'others')  # as a training does that continues
    with pytest.raises(UserError, match=r'is of best.pth as it was at the end of training.*has other content'):
        read_thresholds(checkpoint, classes)
    Thresholds(None, dict(cat=None, dog=None)).write(tmp_path, checkpoint)
    with pytest.raises(UserError, match='the model found no object'):
        read_thresholds(checkpoint, classes)
    (tmp_path / 'score_thresholds.json').write_text('[]')
    with pytest.raises(UserError, match='is not as training writes it'):
        read_thresholds(checkpoint, classes)


@pytest.mark.parametrize('number', [1, 3, 80])
@pytest.mark.parametrize('seen', [True, False])
def test_page_of_any_detector(number, seen, tmp_path):
    """One class, many, some without objects, and a model that finds nothing."""
    content, results = make_objects(images=8)
    content['categories'] = [dict(id=label, name=f'class {label}') for label in range(3, 3 + number)]
    keep = {category['id'] for category in content['categories']}
    content['annotations'] = [a for a in content['annotations'] if a['category_id'] in keep]
    results = [result for result in results if result['category_id'] in keep] if seen else []
    truth = read(content, tmp_path / 'truth.json')
    classes = tuple(category['name'] for category in content['categories'])
    matrix = np.zeros((number + 1, number + 1), int)
    evaluation = Evaluation('detection', (*classes, 'background'), [], matrix, available=8)
    for kind in kinds_of(truth, results):
        found = index_results(truth, results, kind)
        evaluation.precision[kind] = evaluate_objects(truth, found, kind)
        evaluation.costs[kind] = error_costs(truth, found, kind)
    evaluation.rankings = evaluation.precision['bbox'].rankings
    assert (evaluation.thresholds.overall is not None) == seen
    table, sizes, errors = make_tables(evaluation)
    assert len(table.rows) == number + 1
    empty = [row[0] for row in table.rows[:-1] if 'no objects' in row]
    assert empty == [name for name, r in zip(classes, evaluation.rankings, strict=True) if not r.number]
    assert all(len(row) == len(part.columns) for part in (table, sizes, errors) for row in part.rows)
    assert ('mask AP' in table.columns) == seen
    path = tmp_path / 'report.html'
    files = dict(config_path=tmp_path, checkpoint='x.pth', curves_png=tmp_path / 'none.png')
    write_page(Report('run', '', curves=Curves(), starts=[], score_thr=0.3, evaluation=evaluation, **files), path)
    text = path.read_text()
    assert 'nan' not in text.lower().split('base64')[0]
    assert text.count('data:image/png') == 2
