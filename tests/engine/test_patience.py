"""Best weights and patience of a tiny training whose metrics are given, and stopping and resuming it."""

import itertools
import math

import pytest
import torch
from mmengine.config import Config
from mmengine.evaluator import BaseMetric
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.runner import Runner

from mmcrossformer.checkpoint import read_checkpoint
from mmcrossformer.config.averaging import use_ema
from mmcrossformer.config.patience import use_patience
from mmcrossformer.engine.hooks import AtomicCheckpointHook, BestHook, MissedValidationHook

# Validation by validation; with a patience of two, training ends after the sixth.
VALUES = (0.1, 0.3, 0.2, 0.5, 0.4, 0.2, 0.9, 0.9)
STOP = 6
NUMBER = itertools.count()


class Model(BaseModel):
    """A weight that counts the iterations."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def forward(self, x, mode='tensor'):
        return dict(loss=-self.weight.sum()) if mode == 'loss' else [x]


class Given(BaseMetric):
    """Reports the value of the epoch."""

    default_prefix = 'given'

    def __init__(self, values):
        super().__init__()
        self.values, self.runner = values, None

    def process(self, data_batch, data_samples):
        self.results.append(0)

    def compute_metrics(self, results):
        return dict(score=self.values[self.runner.epoch - 1])


class Failure(Hook):
    """Ends a training after an epoch, when its state is stored and not yet validated."""

    priority = 'LOWEST'

    def __init__(self, epoch):
        self.epoch = epoch

    def after_train_epoch(self, runner):
        if runner.epoch + 1 == self.epoch:
            raise KeyboardInterrupt


def train(folder, *hooks, values=VALUES, fail=None, resume=False):
    """Trains until it ends or fails; returns the runner."""
    loader = dict(batch_size=1, dataset=[torch.zeros(1)] * 2, sampler=dict(type='DefaultSampler', shuffle=False))
    metric = Given(values)
    runner = Runner(
        Model(),
        str(folder),
        train_dataloader=loader,
        val_dataloader=loader,
        train_cfg=dict(by_epoch=True, max_epochs=len(values), val_interval=1),
        val_cfg=dict(),
        val_evaluator=[metric],
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=1.0)),
        default_hooks=dict(checkpoint=AtomicCheckpointHook(interval=1, max_keep_ckpts=2)),
        custom_hooks=[*hooks, MissedValidationHook(), Failure(fail)],
        resume=resume,
        experiment_name=f'patience_{next(NUMBER)}',  # mmengine keeps one logger for each name
        cfg=dict(val_evaluator=dict(type='Given')),
    )
    metric.runner = runner
    try:
        runner.train()
    except KeyboardInterrupt:
        assert fail
    return runner


def hooks():
    """Best weights, average and patience, as every config and the flags of train have them."""
    cfg = Config(dict(val_evaluator=dict(type='IoUMetric', prefix='given')))
    use_patience(cfg, 2)
    use_ema(cfg)
    cfg.custom_hooks[0].monitor = 'given/score'
    return BestHook('given/score'), *cfg.custom_hooks


def test_patience_stops_at_the_same_epoch_after_each_failure(tmp_path):
    """Failing in every epoch: neither the best, nor the average, nor the epoch that training stops in depends on it."""
    runner = train(tmp_path / 'whole', *hooks())
    assert runner.epoch == STOP < runner.max_epochs
    for epoch in range(1, STOP + 1):
        train(tmp_path / 'failing', *hooks(), fail=epoch, resume=epoch > 1)
    runner = train(tmp_path / 'failing', *hooks(), resume=True)
    assert runner.epoch == STOP
    found = []
    for folder in (tmp_path / 'whole', tmp_path / 'failing'):
        assert {path.name for path in folder.glob('*.pth')} == {'best.pth', 'epoch_5.pth', 'epoch_6.pth'}
        best, last = (torch.load(folder / name, weights_only=False) for name in ('best.pth', 'epoch_6.pth'))
        assert best['meta']['best'] == dict(metric='given/score', value=0.5, epoch=4, iter=8)
        assert 0 < best['state_dict']['weight'].item() < 8  # the average of the iterations
        found.append([best['state_dict'], last['state_dict'], last['ema_state_dict'], last['meta']['patience']])
    torch.testing.assert_close(*found, rtol=0, atol=0)
    # Once more: it has stopped.
    assert train(tmp_path / 'failing', *hooks(), resume=True).epoch == STOP


def test_nan_is_never_the_best(tmp_path):
    train(tmp_path, BestHook('given/score'), values=(math.nan, 0.3, math.nan, 0.5, math.nan))
    assert read_checkpoint(tmp_path / 'best.pth')['meta']['best']['epoch'] == 4
    train(tmp_path / 'other', BestHook('given/score'), values=(math.nan, math.nan))
    assert not (tmp_path / 'other/best.pth').exists()


def test_best_weights_of_an_earlier_training_are_moved(tmp_path):
    train(tmp_path, BestHook('given/score'), values=(0.9,))
    earlier = (tmp_path / 'best.pth').read_bytes()
    train(tmp_path, BestHook('given/score'), values=(math.nan,))
    assert not (tmp_path / 'best.pth').exists()
    assert (tmp_path / 'earlier_best.pth').read_bytes() == earlier
    train(tmp_path, BestHook('given/score'), values=(0.1,))
    assert read_checkpoint(tmp_path / 'best.pth')['meta']['best']['value'] == 0.1


@pytest.mark.parametrize(
    ('metric', 'words'),
    [
        (None, 'no best.pth is written: the main metric of val_evaluator is not known (Given)'),
        ('mAP', 'no best.pth is written: the validation does not report mAP, but given/score: set metric of BestHook'),
    ],
)
def test_an_unknown_metric_is_a_warning(metric, words, tmp_path):
    train(tmp_path, BestHook(metric), values=(0.1, 0.2))
    log = next(tmp_path.glob('*/*.log')).read_text()
    assert log.count(words) == 1
    assert not (tmp_path / 'best.pth').exists()
