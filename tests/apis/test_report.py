"""Watching a training: the report at its end, and TensorBoard."""

import base64
import json
import logging
import sys
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DATASETS, init_default_scope
from quick import HOOKS, METRIC, SPEC, run

from mmcrossformer.apis.predictor import Predictor
from mmcrossformer.apis.report import Evaluation, Report, best_and_worst, write_page
from mmcrossformer.apis.report.confusion import label_matrix, match_objects, mean_iou, object_matrix, object_score
from mmcrossformer.apis.report.evaluate import evenly_spaced
from mmcrossformer.apis.report.page import most_confused, summarize_metrics
from mmcrossformer.apis.report.rankings import Ranking
from mmcrossformer.engine.hooks import ReportHook
from mmcrossformer.utils.curves import Curves

MASKS, SEGMENTS = 'mask_rcnn_crossformer_t_digits', 'upernet_crossformer_t_digits'
CLASSES = 'crossformer_t_digits'
VOID = {'meta', 'img', 'br', 'link'}


class Page(HTMLParser):
    """What a page says, and whether its tags fit."""

    def __init__(self, path):
        super().__init__()
        self.open, self.tags, self.words, self.rows, self.addresses = [], Counter(), [], [], []
        self.titles = set()
        self.feed(path.read_text())
        self.close()
        assert not self.open
        self.text = ' '.join(self.words)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.tags[tag] += 1
        if tag not in VOID:
            self.open.append(tag)
        self.addresses += [attrs[name] for name in ('src', 'href') if name in attrs]
        self.titles.add(attrs.get('title'))
        if tag == 'tr':
            self.rows.append([])
        if 'data-count' in attrs:
            self.rows[-1].append(int(attrs['data-count']))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1:] != ['style']:
            self.words += data.split()

    @property
    def matrix(self):
        return np.array([row for row in self.rows if row])

    def check_alone(self):
        """Nothing runs, nothing is fetched, every picture can be seen."""
        assert not self.tags['script']
        assert self.addresses
        for address in self.addresses:
            kind, _, data = address.partition(';base64,')
            assert kind in ('data:image/png', 'data:image/jpeg')
            assert cv2.imdecode(np.frombuffer(base64.b64decode(data), np.uint8), cv2.IMREAD_COLOR) is not None


def expected_count(name, digits):
    """Objects, pixels or pictures that are held out."""
    if name == MASKS:
        return len(json.loads((digits / 'annotations/instances_val.json').read_text())['annotations'])
    if name == SEGMENTS:
        return SPEC['val_scenes'] * SPEC['image_size'] ** 2
    return SPEC['val_crops']


@pytest.mark.parametrize('name', [MASKS, SEGMENTS, CLASSES])
def test_report_of_a_training(name, quick, digits, tmp_path):
    work_dir = tmp_path / 'run'
    arguments = ['--work-dir', work_dir, '--seed', 7, '--tensorboard', '--no-check']
    trained = run('train', quick(name, report=dict(score_thr=0.0)), *arguments)
    assert trained.returncode == 0, trained.stderr[-3000:]
    assert 'report.html was not written' not in trained.stderr + trained.stdout
    page = Page(work_dir / 'report.html')
    page.check_alone()
    (log,) = work_dir.glob('*/vis_data/scalars.json')
    logged = [json.loads(line) for line in log.read_text().splitlines()]
    last = [entry for entry in logged if METRIC[name] in entry][-1]
    assert f'{METRIC[name]} {last[METRIC[name]]:.4g}' in page.text
    for words in (
        '--seed 7',
        f'{name}.py',
        'mmcrossformer test',
        'mmcrossformer infer',
        'Predictor(',
        'mmcrossformer',
        'cores',
    ):
        assert words in page.text
    truth = page.matrix[:-1] if name == MASKS else page.matrix
    assert truth.sum() == expected_count(name, digits)
    if name == MASKS:
        assert page.matrix.sum() > truth.sum()  # an untrained detector sees things
    assert page.tags['figure'] == min(8, SPEC['val_crops'] if name == CLASSES else SPEC['val_scenes'])
    check_events(log.parent, logged)


def check_events(folder, logged):
    """TensorBoard has the losses and rates of the log."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder))
    events.Reload()
    steps = [entry for entry in logged if 'loss' in entry]
    for tag in ('loss', 'lr'):
        values = [event.value for event in events.Scalars(tag)]
        np.testing.assert_allclose(values, [entry[tag] for entry in steps], rtol=1e-5)


def test_report_of_a_model_that_is_split(quick, tmp_path):
    """The first process alone writes it, and does not wait for the others."""
    config, work_dir = quick(CLASSES, report={}), tmp_path / 'run'
    config.write_text(f"{config.read_text()}\nstrategy = dict(type='mmcrossformer.FSDPStrategy')")
    launch = ['--work-dir', work_dir, '--launcher', 'pytorch', '--no-check']
    trained = run('train', config, *launch, processes=2)
    assert trained.returncode == 0, trained.stderr[-3000:]
    assert Page(work_dir / 'report.html').matrix.sum() == SPEC['val_crops']


def test_reports_are_on_by_default():
    assert 'mmcrossformer.ReportHook' in [hook.type for hook in Config.fromfile(HOOKS).custom_hooks]


@pytest.fixture
def finished(quick, tmp_path):
    """A training that is over, as hooks see it, and the warnings of its log."""
    config = quick(CLASSES)
    work_dir = tmp_path / 'run'
    work_dir.mkdir()
    cfg = Config.fromfile(config)
    cfg.dump(work_dir / config.name)
    model = Predictor(cfg).model
    meta = dict(dataset_meta=dict(classes=tuple('0123456789')))
    torch.save(dict(state_dict=model.state_dict(), meta=meta), work_dir / 'epoch_1.pth')
    (work_dir / 'last_checkpoint').write_text(str(work_dir / 'epoch_1.pth'))
    init_default_scope('mmpretrain')
    loader = SimpleNamespace(dataset=DATASETS.build(cfg.val_dataloader.dataset))
    warnings = []
    logger = SimpleNamespace(info=logging.info, warning=warnings.append)
    runner = SimpleNamespace(cfg=cfg, work_dir=str(work_dir), experiment_name='a <run>', model=model, logger=logger)
    runner.val_loop = SimpleNamespace(dataloader=loader)
    return runner, work_dir / 'report.html', warnings


def test_a_number_of_pictures(finished):
    runner, path, warnings = finished
    ReportHook(max_images=3, pictures=1).after_train(runner)
    page = Page(path)
    assert not warnings
    assert 'on 3 of 10 held-out images, evenly spaced' in page.text
    assert page.matrix.sum() == 3
    assert page.tags['figure'] == 2
    dataset = runner.val_loop.dataloader.dataset
    paths = [dataset.get_data_info(index)['img_path'] for index in range(len(dataset))]
    names = [word.rstrip(':') for word in page.words if word.endswith('.png:') or word.endswith('.jpg:')]
    assert len(names) == 2
    assert all('/' in name and any(path.endswith(name) for path in paths) for name in names)  # classes are folders
    assert 'No validation was logged' in page.text
    assert 'a <run>' in page.text  # not a tag


def test_what_fails_is_told(finished):
    runner, path, warnings = finished
    dataset = runner.val_loop.dataloader.dataset
    runner.val_loop.dataloader.dataset = _Relabelled(dataset, [1, 2])
    ReportHook().after_train(runner)
    page = Page(path)
    assert 'Not evaluated: ValueError:' in page.text
    assert 'has 2 classes: a confusion matrix needs exactly one' in page.text
    assert len(warnings) == 1
    path.unlink()
    runner.work_dir = runner.work_dir + '/none'
    ReportHook().after_train(runner)
    assert 'report.html was not written: FileNotFoundError' in warnings[1]
    assert not path.exists()


class _Relabelled:
    """A data set whose pictures have other labels."""

    def __init__(self, dataset, label):
        self.dataset, self.label = dataset, label

    def __len__(self):
        return len(self.dataset)

    def get_data_info(self, index):
        return dict(self.dataset.get_data_info(index), gt_label=self.label)


def boxes(*rows):
    return np.array(rows, float).reshape(-1, 4)


def test_matches_of_objects():
    truth = boxes([0, 0, 10, 10], [20, 0, 30, 10], [40, 0, 50, 10])
    labels = np.array([0, 1, 1])
    found = boxes(
        [0, 0, 10, 8],  # the first object, taken for class 1
        [0, 0, 10, 10],  # the same object again, by which time it is taken
        [20, 0, 30, 9],  # the second
        [41, 20, 50, 30],  # nothing
        [60, 0, 64, 4],  # on a crowd
    )
    found_labels = np.array([1, 0, 1, 0, 1])
    matching = match_objects(truth, found, ignored=boxes([55, 0, 70, 20]))
    assert matching.objects.tolist() == [0, -1, 1, -1, -1]
    assert matching.ious.tolist() == pytest.approx([0.8, 0, 0.9, 0, 0])
    assert matching.counted.tolist() == [True, True, True, True, False]
    matrix = object_matrix(labels, found_labels, matching, classes=2)
    assert matrix.tolist() == [[0, 1, 0], [0, 1, 1], [2, 0, 0]]
    assert object_score(labels, found_labels, matching) == pytest.approx(0.9 / 3.5)


def test_matches_of_nothing():
    none, one = boxes(), boxes([0, 0, 4, 4])
    nothing, zero = np.zeros(0, int), np.zeros(1, int)
    for truth, found, matrix, score in (
        (none, none, [[0, 0], [0, 0]], 1.0),
        (one, none, [[0, 1], [0, 0]], 0.0),
        (none, one, [[0, 0], [1, 0]], 0.0),
        (one, one, [[1, 0], [0, 0]], 1.0),
    ):
        matching = match_objects(truth, found)
        labels = [zero if len(part) else nothing for part in (truth, found)]
        assert object_matrix(*labels, matching, classes=1).tolist() == matrix
        assert object_score(*labels, matching) == score


def test_matrix_of_labels():
    truth = np.array([[0, 0, 1], [2, 255, 1]], np.uint8)
    matrix = label_matrix(truth, np.array([[0, 1, 1], [0, 2, 1]]), classes=4)
    assert matrix.tolist() == [[1, 1, 0, 0], [0, 2, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]]
    assert mean_iou(matrix) == pytest.approx((1 / 3 + 2 / 3 + 0) / 3)
    assert mean_iou(np.zeros((3, 3), int)) == 1.0
    with pytest.raises(ValueError, match='class 4, and there are 4'):
        label_matrix(truth, np.full((2, 3), 4), classes=4)
    with pytest.raises(ValueError, match='shape'):
        label_matrix(truth, np.zeros((3, 3), int), classes=4)


def test_choices_of_pictures():
    assert evenly_spaced(10, 4) == [0, 3, 6, 9]
    assert evenly_spaced(3, 500) == [0, 1, 2]
    scores = {0: 0.5, 1: 0.9, 2: 0.1, 3: 0.5, 4: 0.2}
    assert best_and_worst(scores, 2) == ([1, 0], [2, 4])
    assert best_and_worst(scores, 4) == ([1, 0], [2, 4])
    assert best_and_worst({0: 1.0}, 4) == ([], [])
    assert best_and_worst({0: 0.5, 1: np.nan, 2: 0.9, 3: 0.1}, 2) == ([2, 0], [1, 3])


def test_figures_of_the_page(tmp_path):
    curves = Curves(metrics={'mIoU': [(10, 1.0), (20, 3.0), (30, 2.0)], 'coco/bbox_mAP_s': [(10, -1.0)]})
    (metric,) = summarize_metrics(curves)
    assert (metric.final, metric.best, metric.best_at) == (2.0, 3.0, 20)
    (metric,) = summarize_metrics(Curves(metrics={'mIoU': [(10, np.nan), (20, 3.0), (30, np.nan)]}))
    assert (metric.best, metric.best_at) == (3.0, 20)
    classes = tuple(f'class {i}' for i in range(30))
    matrix = np.eye(30, dtype=int) * 6
    matrix[3, 4], matrix[5, 6] = 2, 4
    nothing = Ranking(np.zeros(0), np.zeros(0, bool), 0)
    evaluation = Evaluation('classification', classes, [], matrix, available=1, rankings=[nothing] * 30)
    first, second = most_confused(evaluation)
    assert len(most_confused(replace(evaluation, task='detection', matrix=matrix[:6, :6], classes=classes[:6]))) == 1
    assert (first.truth, first.found, first.count, first.share) == ('class 5', 'class 6', 4, 0.4)
    assert (second.truth, second.found) == ('class 3', 'class 4')
    path = tmp_path / 'report.html'
    files = dict(config_path=tmp_path, checkpoint='x.pth', curves_png=tmp_path / 'none.png')
    write_page(
        Report(name='run', config='', curves=curves, starts=[], score_thr=0.3, evaluation=evaluation, **files), path
    )
    page = Page(path)
    assert not page.matrix.size  # nobody could read it
    assert 'Of 30 classes, these pairs are confused most often' in page.text
    assert 'class 5 class 6 4 40.0 % class 3 class 4 2 25.0 %' in page.text


def test_tensorboard_is_not_installed(quick, call, monkeypatch):
    monkeypatch.setitem(sys.modules, 'torch.utils.tensorboard', None)
    code, printed = call('train', quick(CLASSES), '--tensorboard')
    assert code == 2
    assert "pip install 'mmcrossformer[tensorboard]'" in printed


def test_strange_names_of_classes(tmp_path):
    classes = ('<script>', 'a "b" &amp; \'c\'', 'x' * 200, '猫')
    evaluation = Evaluation('segmentation', classes, [(0, 0, 0)] * 4, np.eye(4, dtype=int), available=1)
    files = dict(config_path=tmp_path, checkpoint='x.pth', curves_png=tmp_path / 'none.png')
    settings = dict(name='run', config='', curves=Curves(), starts=[], score_thr=0.3)
    write_page(Report(**settings, evaluation=evaluation, **files), tmp_path / 'report.html')
    page = Page(tmp_path / 'report.html')
    assert page.matrix.tolist() == np.eye(4, dtype=int).tolist()
    assert not page.tags['script']
    assert page.titles >= set(classes)  # whole, also where a column is too narrow for them
    for name in classes:
        assert ' '.join(name.split()) in page.text
