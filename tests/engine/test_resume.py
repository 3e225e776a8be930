"""Trainings that are killed and resumed end as if they had never been, and run nothing but themselves."""

import contextlib
import functools
import http.server
import itertools
import os
import random
import shutil
import signal
import threading
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import InfiniteSampler
from quick import HELPERS, run
from tiers import sampled

from mmcrossformer.checkpoint import read_checkpoint
from mmcrossformer.engine.hooks.checkpoint import AtomicBackend
from mmcrossformer.utils.run import latest_checkpoint
from mmcrossformer.utils.weights import prepare_resume

# Random numbers everywhere: in the workers that load data, in the order of the data, and in the model.
FRAGILE = f"""
import sys
sys.path.insert(0, {str(HELPERS)!r})
custom_imports = dict(imports=['killer'], allow_failed_imports=False)
custom_hooks = [dict(type='mmcrossformer.RandomStateHook'), dict(type='KillerHook')]
"""
SEGMENTER = """
model['backbone']['drop_path_rate'] = 0.3
train_dataloader['num_workers'] = {workers}
train_dataloader['dataset']['pipeline'] = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='RandomResize', scale=(80, 80), ratio_range=(0.9, 1.5), keep_ratio=True),
    dict(type='RandomCrop', crop_size=(64, 64)),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PhotoMetricDistortion'),
    dict(type='PackSegInputs'),
]
train_cfg = dict(max_iters={length}, val_interval=6)
default_hooks['checkpoint'] = dict(interval=2, max_keep_ckpts=1)
"""
CLASSIFIER = """
model['backbone']['drop_path_rate'] = 0.3
train_dataloader['num_workers'] = {workers}
train_dataloader['persistent_workers'] = {workers} > 0
train_cfg = dict(max_epochs={length}, val_interval=1)
default_hooks['checkpoint'] = dict(interval=1, max_keep_ckpts=1)
"""


@pytest.fixture
def fragile(quick):
    def write(name, more):
        config = quick(name)
        config.write_text(config.read_text() + FRAGILE + more)
        return config

    return write


def train(config, work_dir, *args):
    return run('train', config, '--work-dir', work_dir, '--seed', 3, *args)


def last_of(work_dir):
    """State of the last checkpoint, without what tells times and paths."""
    checkpoint = read_checkpoint(Path((work_dir / 'last_checkpoint').read_text()))
    return checkpoint['state_dict'], checkpoint['optimizer']


KINDS = dict(iterations=('upernet_crossformer_t_digits', SEGMENTER), epochs=('crossformer_t_digits', CLASSIFIER))
# Kind, workers that load data, iterations or epochs, kills.
KILLS = [('iterations', 2, 12, 3), ('epochs', 2, 3, 2)]
MANY = [
    ('iterations', 2, 24, 20),
    ('iterations', 2, 24, 6),
    ('iterations', 0, 24, 6),
    ('epochs', 2, 5, 6),
    ('epochs', 0, 5, 6),
]


@pytest.mark.hosts
@pytest.mark.parametrize(('kind', 'workers', 'length', 'kills'), sampled([*KILLS, *MANY], fast=KILLS))
def test_killed_trainings_end_with_the_same_weights(kind, workers, length, kills, fragile, tmp_path, monkeypatch):
    if kind == 'iterations' and not workers and not hasattr(InfiniteSampler, 'skip'):
        pytest.skip('the original mmengine skips batches by loading them, which takes random numbers of the training')
    name, more = KINDS[kind]
    config, moments = fragile(name, more.format(workers=workers, length=length)), random.Random(kills)
    monkeypatch.setenv('KILL', '')
    whole = train(config, tmp_path / 'whole')
    assert whole.returncode == 0, whole.stderr[-3000:]

    work_dir, starts = tmp_path / 'killed', set()
    killed = 0
    events = itertools.islice(itertools.cycle(['write 2', 'step', 'write 1', 'step']), 3 * kills)
    while killed < kills:
        event = next(events)
        monkeypatch.setenv('KILL', f'step {moments.randint(1, 5)}' if event == 'step' else event)
        # An iteration takes a tenth of a second, and so does a checkpoint.
        monkeypatch.setenv('DELAY', str(moments.uniform(0, 0.1 if event == 'step' else 0.02)))
        starts.add(latest_checkpoint(work_dir))
        result = train(config, work_dir, '--resume')
        if result.returncode == 0:  # it was faster than its killer
            shutil.rmtree(work_dir)
            continue
        assert result.returncode == -signal.SIGKILL, result.stderr[-3000:]
        killed += 1
        for path in work_dir.glob('*.pth'):
            read_checkpoint(path)
    assert len(starts) > 1 + kills // 6  # it went on from several places
    monkeypatch.setenv('KILL', '')
    result = train(config, work_dir, '--resume')
    assert result.returncode == 0, result.stderr[-3000:]
    assert_equal(last_of(work_dir), last_of(tmp_path / 'whole'))
    assert not list(work_dir.glob('*.partial'))


def assert_equal(a, b):
    torch.testing.assert_close(a, b, rtol=0, atol=0)


def test_a_file_that_cannot_be_written_leaves_the_old_one(tmp_path, monkeypatch):
    backend = AtomicBackend()
    backend.put(b'old', tmp_path / 'a.pth')
    monkeypatch.setattr('os.fsync', lambda file: (_ for _ in ()).throw(OSError(28, 'No space left on device')))
    with pytest.raises(OSError, match='No space'):
        backend.put(b'new', tmp_path / 'a.pth')
    assert (tmp_path / 'a.pth').read_bytes() == b'old'


def test_old_files_go_when_new_ones_are_there(tmp_path):
    backend, old = AtomicBackend(), tmp_path / 'old.pth'
    old.touch()
    with backend.defer_removals(), backend.defer_removals():
        backend.remove(old)
        assert old.exists()
    assert not old.exists()
    old.touch()
    with contextlib.suppress(OSError), backend.defer_removals():
        backend.remove(old)
        raise OSError('full')
    assert old.exists()


def test_last_checkpoint(tmp_path):
    assert latest_checkpoint(tmp_path) is None
    for age, name in ((3, 'epoch_2.pth'), (2, 'epoch_10.pth'), (1, 'best_mAP_epoch_9.pth')):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (1000 - age, 1000 - age))
    assert latest_checkpoint(tmp_path) == str(tmp_path / 'epoch_10.pth')
    pointer = tmp_path / 'last_checkpoint'
    pointer.write_text(str(tmp_path / 'epoch_2.pth'))
    assert latest_checkpoint(tmp_path) == str(tmp_path / 'epoch_2.pth')
    # Cut off by a kill.
    for text in ('', str(tmp_path)[:-3]):
        pointer.write_text(text)
        assert latest_checkpoint(tmp_path) == str(tmp_path / 'epoch_10.pth')


@pytest.mark.parametrize('zipped', [True, False], ids=['present format', 'format of before 2020'])
def test_a_look_before_the_training_reads_no_values(zipped, tmp_path, monkeypatch):
    """The runner reads the whole file afterwards."""
    path = tmp_path / 'epoch_1.pth'
    state = dict(state_dict=dict(a=torch.ones(1 << 20)), optimizer={}, meta=dict(seed=7))
    torch.save(state, path, _use_new_zipfile_serialization=zipped)
    load, mapped = torch.load, []
    monkeypatch.setattr(
        torch, 'load', lambda *args, **options: mapped.append(options['mmap']) or load(*args, **options)
    )
    cfg = Config(dict(resume=True, load_from=None, work_dir=str(tmp_path)))
    prepare_resume(cfg)
    assert (cfg.load_from, cfg.randomness.seed) == (str(path), 7)
    assert mapped == [zipped]
    torch.testing.assert_close(read_checkpoint(path)['state_dict'], state['state_dict'])
    assert mapped == [zipped, False]


class Program:
    """Unpickles by creating a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.fixture
def program(tmp_path, monkeypatch):
    """A checkpoint that is a program, and the file that appears when it runs."""
    monkeypatch.delenv('TORCH_FORCE_WEIGHTS_ONLY_LOAD', raising=False)  # tools leave it behind in this interpreter
    path, trace = tmp_path / 'program.pth', tmp_path / 'it_ran'
    torch.save(dict(state_dict={}, optimizer={}, meta=Program(trace)), path)
    torch.load(path, weights_only=False)
    assert trace.exists()  # it would run
    trace.unlink()
    return path, trace


@pytest.mark.hosts
@pytest.mark.parametrize('way', ['--resume', 'load_from', 'init_cfg', 'address', 'test'])
def test_no_tool_runs_what_a_checkpoint_carries(way, program, quick, monkeypatch):
    path, trace = program
    monkeypatch.setenv('TORCH_HOME', str(path.parent / 'downloads'))
    config = quick('crossformer_t_digits')
    served = functools.partial(http.server.SimpleHTTPRequestHandler, directory=path.parent)
    with http.server.ThreadingHTTPServer(('127.0.0.1', 0), served) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        arguments = {
            '--resume': ['--resume', path],
            'load_from': ['--cfg-options', f'load_from={path}'],
            # mmengine's own way into a model.
            'init_cfg': ['--cfg-options', 'model.init_cfg.type=Pretrained', f'model.init_cfg.checkpoint={path}'],
            'address': ['--cfg-options', f'load_from=http://127.0.0.1:{server.server_port}/{path.name}'],
            'test': [path],
        }[way]
        result = run('test' if way == 'test' else 'train', config, *arguments, '--work-dir', path.parent / 'run')
        server.shutdown()
    assert not trace.exists()
    assert result.returncode == 2, result.stderr
    assert 'holds code beside tensors, which was not run' in result.stderr
