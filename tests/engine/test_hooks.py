"""Curves, the progress display, and the count of images that cannot be read."""

import io
import json
import logging
import math
import sys
import warnings
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from broken import SomeBroken
from rich.console import Console
from torch.utils.data import DataLoader

from mmcrossformer.engine.hooks import CurvesHook, ProgressHook, SkipUnreadableHook
from mmcrossformer.engine.hooks import progress as progress_module
from mmcrossformer.utils.curves import Curves, plot_curves, read_curves
from mmcrossformer.utils.errors import UserError


def write_run(work_dir, time, records):
    path = work_dir / time / 'vis_data' / 'scalars.json'
    path.parent.mkdir(parents=True)
    path.write_text('\n'.join(map(json.dumps, records)) + '\n')
    return path


def test_curves_of_a_resumed_run(tmp_path):
    train = [dict(loss=4.0 - i, loss_cls=1.0, lr=0.1, iter=10 * i, step=10 * i) for i in (1, 2, 3)]
    write_run(tmp_path, '20260101_000000', [train[0], {'coco/bbox_mAP': 0.1, 'step': 1}, train[1], train[2]])
    second = [dict(train[1], loss=1.5), {'coco/bbox_mAP': 0.3, 'coco/bbox_mAP_s': -1.0, 'step': 2}]
    path = write_run(tmp_path, '20260102_000000', second)
    with path.open('a') as file:
        file.write('{"loss": 0.')  # a killed run
    write_run(tmp_path, '20260103_000000', [{'coco/bbox_mAP': 0.9, 'step': 0}])  # a test alone
    curves = read_curves(tmp_path)
    assert curves.losses == {'loss': [(10, 3.0), (20, 1.5)], 'loss_cls': [(10, 1.0), (20, 1.0)]}
    assert curves.rates == {'lr': [(10, 0.1), (20, 0.1)]}
    assert curves.metrics == {'coco/bbox_mAP': [(10, 0.1), (20, 0.3)], 'coco/bbox_mAP_s': [(20, -1.0)]}
    hook, runner = CurvesHook(), SimpleNamespace(work_dir=str(tmp_path), experiment_name='a run')
    hook.after_train_epoch(runner)
    assert cv2.imread(str(tmp_path / 'curves.png')).shape[1] > 800
    (tmp_path / 'curves.png').unlink()
    hook.after_train(runner)  # nothing new
    assert not (tmp_path / 'curves.png').exists()
    write_run(tmp_path, '20260104_000000', [dict(train[2], iter=40)])
    hook.after_train_epoch(runner)
    assert (tmp_path / 'curves.png').exists()


def test_curves_with_values_that_are_not_finite(tmp_path):
    """They are gaps; a point between two gaps is a point."""
    losses = [1.0, math.nan, 3.0, math.inf, 2.0, 1.0]
    records = [dict(loss=loss, loss_cls=math.nan, lr=0.1, iter=i, step=i) for i, loss in enumerate(losses, 1)]
    write_run(tmp_path, '20260101_000000', [*records, {'coco/bbox_mAP': math.nan, 'step': 6}])
    curves = read_curves(tmp_path)
    assert [value for _, value in curves.losses['loss']] == pytest.approx(losses, nan_ok=True)
    runner = SimpleNamespace(work_dir=str(tmp_path), experiment_name='a run')
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        CurvesHook().after_train(runner)
    whole = cv2.imread(str(tmp_path / 'curves.png'))
    assert whole.shape[1] > 800
    blue = np.array([180, 119, 31])

    def drawn(*values):
        plot_curves(Curves(losses=dict(loss=[*enumerate(values)])), tmp_path / 'points.png')
        return (cv2.imread(str(tmp_path / 'points.png')) == blue).all(-1).sum()

    nothing = drawn(math.nan, math.nan)  # the legend alone
    assert drawn(math.nan, 1.0, math.nan) > nothing + 20


def test_curves_of_nothing(tmp_path):
    CurvesHook().after_train(SimpleNamespace(work_dir=str(tmp_path), experiment_name='a run'))
    assert not (tmp_path / 'curves.png').exists()


def run_with(monkeypatch, terminal, stdout_terminal=True):
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=terminal, width=120)
    monkeypatch.setattr(progress_module, 'Console', lambda stderr: console)
    monkeypatch.setattr(
        sys, 'stdout', SimpleNamespace(isatty=lambda: stdout_terminal, write=screen.write, flush=screen.flush)
    )
    logger = logging.Logger('run')
    logger.addHandler(logging.StreamHandler(screen))
    runner = SimpleNamespace(logger=logger, max_iters=4, iter=0, val_dataloader=[0] * 2, test_dataloader=[0])
    hook = ProgressHook()
    hook.before_run(runner)
    hook.before_train(runner)
    hook.after_train_iter(runner, 0, outputs=None)
    logger.warning('a line of the log')
    hook.before_val(runner)
    hook.after_val_iter(runner, 0)
    hook.after_val_epoch(runner)
    hook.after_train_iter(runner, 1)
    hook.after_run(runner)
    return screen.getvalue()


def test_progress_on_a_terminal(monkeypatch):
    shown = run_with(monkeypatch, terminal=True)
    assert 'train' in shown
    assert '2/4' in shown
    assert 'left' in shown
    assert 'a line of the log' in shown


def test_no_progress_in_a_file(monkeypatch):
    assert run_with(monkeypatch, terminal=False) == 'a line of the log\n'


def test_no_progress_when_stdout_goes_into_a_file(monkeypatch):
    assert run_with(monkeypatch, terminal=True, stdout_terminal=False) == 'a line of the log\n'


@pytest.mark.parametrize(
    'workers',
    [
        {},
        dict(num_workers=2, multiprocessing_context='fork'),
        dict(num_workers=1, multiprocessing_context='spawn'),  # each imports torch anew
    ],
    ids=['no workers', 'fork', 'spawn'],
)
def test_unreadable_images_are_counted_in_workers_of_any_kind(workers):
    loader = DataLoader(SomeBroken(8, broken={1, 4, 6}), batch_size=1, **workers)
    runner = SimpleNamespace(train_loop=SimpleNamespace(dataloader=loader), iter=8)
    hook = SkipUnreadableHook(limit=3)
    hook.before_train(runner)
    assert len([*loader]) == 8
    hook.after_train_iter(runner, 8)  # as many as allowed
    hook.limit = 2
    with pytest.raises(UserError, match='3 times an image could not be read up to iteration 9, and 2 are allowed'):
        hook.after_train_iter(runner, 8)
