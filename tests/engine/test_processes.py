"""Many processes compute what one does."""

import json
from pathlib import Path

import pytest
import torch
from quick import HELPERS, run, run_program

from mmcrossformer.checkpoint import read_checkpoint
from mmcrossformer.engine.processes import is_first_process

# Clipping, rates and weight decay that depend on names and shapes, blocks that checkpoint and blocks that are frozen.
SEGMENTER = """
model['backbone']['with_cp'] = True
model['backbone']['frozen_stages'] = 0
train_cfg = dict(max_iters=4, val_interval=4)
default_hooks['checkpoint'] = dict(interval=2, max_keep_ckpts=2)
optim_wrapper = dict(
    _delete_=True,
    # Unlike Adam, this tells how long gradients are.
    optimizer=dict(type='SGD', lr=0.1, momentum=0.9, weight_decay=0.1),
    clip_grad=dict(max_norm=0.1),
    paramwise_cfg=dict(flat_decay_mult=0.0, custom_keys={'blocks.0.attn.pos_bias': dict(lr_mult=3)}),
    accumulative_counts=2,
)
"""
FSDP = "strategy = dict(type='mmcrossformer.FSDPStrategy')"


@pytest.mark.parametrize(('launcher', 'name'), [('pytorch', 'RANK'), ('slurm', 'SLURM_PROCID')])
def test_the_first_process_of_a_launcher(launcher, name, monkeypatch):
    monkeypatch.setenv(name, '1')
    assert not is_first_process(launcher)
    assert is_first_process('none')  # what a launcher left in the environment says nothing
    monkeypatch.setenv(name, '0')
    assert is_first_process(launcher)


def test_two_processes_give_the_gradients_of_one():
    """For any outputs, so that no parameter is unused; with checkpointing, accumulation and mixed precision."""
    result = run_program(HELPERS / 'two_processes.py', [], processes=2)
    assert result.returncode == 0, result.stderr[-3000:]
    assert 'process 0 agrees' in result.stderr
    assert 'process 1 agrees' in result.stderr


@pytest.fixture
def train(quick, tmp_path):
    """Trains in two processes, in a work directory of its own; returns what was printed and the last checkpoint."""

    def start(name, work_dir, more, *args):
        config = quick(name)
        config.write_text(f'{config.read_text()}\n{more}')
        launch = ['--work-dir', tmp_path / work_dir, '--seed', 0, '--launcher', 'pytorch', '--no-check']
        result = run('train', config, *launch, *args, processes=2)
        assert result.returncode == 0, result.stderr[-3000:]
        return result, Path((tmp_path / work_dir / 'last_checkpoint').read_text())

    return start


def test_split_models_train_as_whole_ones(train, quick, tmp_path):
    """The weights of FSDP are those of DDP, are resumed bit for bit, and are read by tests in one process."""
    name = 'upernet_crossformer_t_digits'
    _, whole = train(name, 'whole', SEGMENTER)
    _, split = train(name, 'split', SEGMENTER + FSDP)
    weights, wanted = read_checkpoint(split)['state_dict'], read_checkpoint(whole)['state_dict']
    torch.testing.assert_close(weights, wanted, rtol=1e-4, atol=1e-5)
    assert not list((tmp_path / 'split').glob('*.partial'))

    (tmp_path / 'resumed').mkdir()
    begun = split.with_name('iter_2.pth').rename(tmp_path / 'resumed' / 'iter_2.pth')
    _, resumed = train(name, 'resumed', SEGMENTER + FSDP, '--resume', begun)
    torch.testing.assert_close(read_checkpoint(resumed)['state_dict'], weights, rtol=0, atol=0)

    assert validation_of(tmp_path / 'split') == pytest.approx(validation_of(tmp_path / 'whole'))
    tested = run('test', quick(name), split, '--work-dir', tmp_path / 'tested')
    assert tested.returncode == 0, tested.stderr[-3000:]


def validation_of(work_dir):
    (log,) = work_dir.glob('*/vis_data/scalars.json')
    (entry,) = [line for line in log.read_text().splitlines() if 'mIoU' in line]
    return {name: value for name, value in json.loads(entry).items() if 'time' not in name}


@pytest.mark.repetition
def test_split_models_in_half_precision(train):
    more = f"{FSDP[:-1]}, model_wrapper=dict(mixed_precision=dict(param_dtype='bfloat16')))"
    _, checkpoint = train('crossformer_t_digits', 'run', more)
    state = read_checkpoint(checkpoint)['state_dict']
    assert all(value.dtype == torch.float32 for value in state.values() if value.is_floating_point())
    assert all(value.isfinite().all() for value in state.values())


def test_a_strategy_needs_processes(quick, call):
    code, printed = call(
        'train', quick('crossformer_t_digits'), '--cfg-options', 'strategy.type=mmcrossformer.FSDPStrategy'
    )
    assert code == 2
    assert 'torchrun --nproc-per-node N' in printed


def run_with_hooks(module, hooks, more, quick, tmp_path):
    """A training in two processes that fails, with hooks of a module beside this one."""
    config = quick('crossformer_t_digits')
    found = f'import sys\nsys.path.insert(0, {str(HELPERS)!r})'
    imports = f'custom_imports = dict(imports=[{module!r}])'
    config.write_text('\n'.join([config.read_text(), found, imports, hooks, more]))
    launch = ['--work-dir', tmp_path / 'run', '--launcher', 'pytorch', '--no-check']
    result = run('train', config, *launch, processes=2)
    assert result.returncode
    return result


@pytest.mark.parametrize('strategy', ['', FSDP], ids=['ddp', 'fsdp'])
def test_a_loss_that_is_no_number_in_one_process(strategy, quick, tmp_path):
    hooks = "custom_hooks = [dict(type='PoisonHook'), dict(type='mmcrossformer.FiniteLossHook')]"
    result = run_with_hooks('poison', hooks, strategy, quick, tmp_path)
    assert (
        'error: the loss is nan in iteration 2; the first layer with an output that is not finite is data_preprocessor '
        in result.stderr
    )
    assert 'error: the loss of another process is not finite in iteration 2' in result.stderr
    state = read_checkpoint(tmp_path / 'run' / 'non_finite.pth')
    assert all(value.isfinite().all() for value in state['state_dict'].values())


def test_a_process_that_is_waited_for_in_vain(quick, tmp_path):
    """As on a machine that is lost; test_many_machines.py loses one."""
    more = 'env_cfg = dict(dist_cfg=dict(timeout=8))'
    result = run_with_hooks('stall', "custom_hooks = [dict(type='StallHook')]", more, quick, tmp_path)
    assert 'error: process 0 of 2 has lost the others' in result.stderr
    assert '--resume continues from the last checkpoint' in result.stderr
