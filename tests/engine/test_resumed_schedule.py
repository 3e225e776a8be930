"""A run that resumes reports that the schedule of its checkpoint wins, or goes on with that of its config."""

import pytest
import torch
from mmengine.dataset import InfiniteSampler
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.runner import Runner
from quick import run
from torch import nn
from torch.utils.data import DataLoader

from mmcrossformer.engine.hooks import ResumedScheduleHook

pytestmark = pytest.mark.hosts

SAMPLES, BATCH = 12, 2
EPOCH = SAMPLES // BATCH
HALF, WHOLE = 2, 4  # epochs


class Line(BaseModel):
    """A model with two groups of parameters."""

    def __init__(self):
        super().__init__()
        self.line = nn.Linear(1, 1)

    def forward(self, inputs, mode):
        return dict(loss=self.line(inputs).square().mean())


class Rates(Hook):
    """Records what the schedule sets, before each iteration."""

    priority = 'VERY_HIGH'

    def __init__(self):
        self.seen = []

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        groups = runner.optim_wrapper.param_groups
        self.seen.append([(group['lr'], group.get('momentum'), group['betas']) for group in groups])


@pytest.fixture
def train(tmp_path):
    """Trains the line; returns the rates of each iteration, and the runner."""

    def run(name, epochs, schedulers, *hooks, by_epoch=True, resume=False, rate=0.1):
        rates, data = Rates(), [dict(inputs=torch.ones(1))] * SAMPLES
        length = dict(max_epochs=epochs) if by_epoch else dict(max_iters=epochs * EPOCH)
        saving = dict(type='CheckpointHook', interval=1 if by_epoch else EPOCH, by_epoch=by_epoch)
        group = dict(lr_mult=0.1)
        runner = Runner(
            Line(),
            str(tmp_path / name),
            DataLoader(data, BATCH, sampler=None if by_epoch else InfiniteSampler(data, shuffle=False)),
            train_cfg=dict(by_epoch=by_epoch, **length),
            optim_wrapper=dict(
                optimizer=dict(type='AdamW', lr=rate), paramwise_cfg=dict(custom_keys={'line.bias': group})
            ),
            param_scheduler=schedulers,
            default_hooks=dict(checkpoint=saving),
            custom_hooks=[rates, *hooks],
            resume=resume,
            experiment_name=f'{tmp_path.name}_{name}_{epochs}',
        )
        runner.train()
        return rates.seen, runner

    return run


WARM_UP = dict(type='LinearLR', start_factor=0.01, by_epoch=False, begin=0, end=8)
# Schedulers for a number of epochs, and whether training counts epochs.
SCHEDULES = {
    'warm-up and steps by epoch': (
        lambda epochs: [WARM_UP, dict(type='MultiStepLR', milestones=[1, epochs - 1], end=epochs)],
        True,
    ),
    'epochs converted to iterations': (
        lambda epochs: [WARM_UP, dict(type='CosineAnnealingLR', end=epochs, eta_min=1e-6, convert_to_iter_based=True)],
        True,
    ),
    'iterations': (lambda epochs: [WARM_UP, dict(type='PolyLR', by_epoch=False, begin=8, end=epochs * EPOCH)], False),
    'momentum': (lambda epochs: [dict(type='CosineAnnealingMomentum', end=epochs, eta_min=0.5)], True),
    'none': (lambda epochs: None, True),
    'no end': (lambda epochs: [dict(type='CosineAnnealingLR', eta_min=1e-6, by_epoch=False, T_max=30)], True),
}


@pytest.mark.parametrize('kind', SCHEDULES)
def test_rates_are_those_of_a_run_with_the_schedule_from_the_beginning(kind, train):
    schedule, by_epoch = SCHEDULES[kind]
    wanted, _ = train('whole', WHOLE, schedule(WHOLE), by_epoch=by_epoch)
    train('resumed', HALF, schedule(HALF), by_epoch=by_epoch, rate=0.3)
    hook = ResumedScheduleHook(reset=True)
    found, runner = train('resumed', WHOLE, schedule(WHOLE), hook, by_epoch=by_epoch, resume=True)
    assert found == wanted[HALF * EPOCH :]
    assert len(found) == (WHOLE - HALF) * EPOCH
    assert runner.iter == WHOLE * EPOCH


def test_a_run_that_goes_on_resets_nothing_that_it_has(train):
    """The same schedule, resumed twice with the hook, which also stands in the middle of the warm-up."""
    schedule, _ = SCHEDULES['epochs converted to iterations']
    wanted, _ = train('whole', WHOLE, schedule(WHOLE))
    train('resumed', 1, schedule(WHOLE))
    train('resumed', 3, schedule(WHOLE), ResumedScheduleHook(reset=True), resume=True)
    found, _ = train('resumed', WHOLE, schedule(WHOLE), ResumedScheduleHook(reset=True), resume=True)
    assert found == wanted[3 * EPOCH :]


def test_the_schedule_of_the_checkpoint_is_reported(train, capsys):
    schedule, _ = SCHEDULES['warm-up and steps by epoch']
    train('resumed', HALF, schedule(HALF))
    train('resumed', WHOLE, schedule(WHOLE), ResumedScheduleHook(reset=False), resume=True, rate=0.2)
    message = capsys.readouterr().err
    assert 'warning: the schedule of the checkpoint is used, and that of the config is not: ' in message
    assert 'param_scheduler.1.end is 2 in the checkpoint and 4 in the config' in message
    assert 'param_scheduler.1.milestones is [1, 1] in the checkpoint and [1, 3] in the config' in message
    assert 'param_scheduler.0.base_values is [0.1, 0.01, 0.1] in the checkpoint and [0.2, 0.02, 0.2] in the' in message
    assert 'To use that of the config, add --reset-schedule' in message


def test_further_schedulers_are_reported(train, capsys):
    train('resumed', HALF, [WARM_UP])
    train('resumed', WHOLE, [WARM_UP] * 2, ResumedScheduleHook(reset=False), resume=True)
    assert 'it has 1 schedulers, the config has 2' in capsys.readouterr().err


def test_the_same_schedule_is_not_reported(train, capsys):
    schedule, _ = SCHEDULES['epochs converted to iterations']
    train('resumed', HALF, schedule(WHOLE))
    train('resumed', WHOLE, schedule(WHOLE), ResumedScheduleHook(reset=False), resume=True)
    assert 'the schedule of the' not in capsys.readouterr().err


# As in mmengine's manual.
NO_VALIDATION = ('val_dataloader=None', 'val_cfg=None', 'val_evaluator=None')


def test_a_training_without_validation_that_is_made_longer(quick, tmp_path):
    config, work_dir = quick('crossformer_t_digits', report=dict(max_images=1), curves=True), tmp_path / 'run'

    def train(epochs, *arguments):
        options = [*NO_VALIDATION, f'train_cfg.max_epochs={epochs}', f'param_scheduler.1.end={epochs}']
        result = run('train', config, '--work-dir', work_dir, '--seed', 0, *arguments, '--cfg-options', *options)
        assert result.returncode == 0, result.stderr[-3000:]
        return result.stdout + result.stderr

    text = train(1)
    assert 'Epoch(val)' not in text
    assert 'the config has no validation' in (work_dir / 'report.html').read_text()
    assert (work_dir / 'curves.png').is_file()
    quick('crossformer_t_digits')  # the same without report and curves, which take longer than the training
    text = train(2, '--resume')
    assert 'param_scheduler.1.end is 10 in the checkpoint and 20 in the config' in text
    text = train(2, '--resume', work_dir / 'epoch_1.pth', '--reset-schedule')
    assert 'the schedule of the config is used from iteration 11 on' in text


@pytest.mark.parametrize(
    ('arguments', 'options', 'message'),
    [
        ([], [], '--reset-schedule replaces the schedule of a run that resumes: use it with --resume'),
        (['--resume'], ['strategy.type=FSDPStrategy'], 'does not work with a strategy'),
        (['--resume'], ['param_scheduler.0.type=ReduceOnPlateauLR'], 'param_scheduler.0 depends on the metrics of the'),
    ],
)
def test_schedules_that_cannot_be_reset(arguments, options, message, call, quick):
    options = ['--cfg-options', *options] if options else []
    code, text = call('train', quick('crossformer_t_digits'), '--reset-schedule', *arguments, *options)
    assert code == 2
    assert message in text
