"""Digits configs that run in seconds, and running commands on them."""

import copy
import functools
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest
from mmengine.config import Config
from preloaded import AVAILABLE, Preloaded

import mmcrossformer_cli
from mmcrossformer.datasets.digits import DigitsSpec, ensure_digits

HELPERS = Path(__file__).parent
ROOT = Path(__file__).parents[2]
PROGRAM = ROOT / 'mmcrossformer_cli.py'
CONFIGS = ROOT / 'configs'
HOOKS = CONFIGS / '_base_/runtime/hooks.py'
# What commands import from elsewhere. Nothing of mmcrossformer: every command imports that itself.
PARTS = ('models', 'datasets', 'engine', 'evaluation', 'visualization')
HOSTS = ('mmdet', 'mmseg', 'mmpretrain')
OTHERS = ('torchvision', 'mmengine.runner', 'torch.distributed.launcher.api', 'matplotlib.pyplot', 'rich.progress')
LIBRARIES = Preloaded(['shortcuts', *OTHERS, *(f'{host}.{part}' for host in HOSTS for part in PARTS)])
TORCHRUN = ['-m', 'torch.distributed.run', '--standalone', '--nproc-per-node']
TIMEOUT = 600  # seconds; a command that hangs must not hang the tests
SPEC = dict(image_size=64, train_scenes=4, val_scenes=2, digits_per_scene=(1, 2), digit_size=(24, 40))
SPEC |= dict(crop_size=32, train_crops=20, val_crops=10)

# What makes a digits config run in seconds.
ARCH = dict(embed_dims=16, depths=(1, 1, 2, 1), num_heads=(1, 2, 4, 8))
CHANNELS = [16, 32, 64, 128]
EPOCHS = dict(max_epochs=1, val_interval=1)
QUICK = dict(
    mask_rcnn_crossformer_t_digits=dict(model=dict(neck=dict(in_channels=CHANNELS)), train_cfg=EPOCHS),
    # A detector that has seen four pictures scores nothing above the usual threshold.
    retinanet_crossformer_t_digits=dict(
        model=dict(neck=dict(in_channels=CHANNELS), test_cfg=dict(score_thr=0.0)), train_cfg=EPOCHS
    ),
    upernet_crossformer_t_digits=dict(
        model=dict(
            data_preprocessor=dict(size=(64, 64)),
            decode_head=dict(in_channels=CHANNELS),
            auxiliary_head=dict(in_channels=CHANNELS[2]),
        ),
        train_cfg=dict(max_iters=2, val_interval=2),
        default_hooks=dict(checkpoint=dict(interval=2)),
    ),
    crossformer_t_digits=dict(model=dict(head=dict(in_channels=CHANNELS[3])), train_cfg=EPOCHS),
    crossformer_t_multires_digits=dict(model=dict(head=dict(in_channels=CHANNELS[3])), train_cfg=EPOCHS),
)
METRIC = dict(
    mask_rcnn_crossformer_t_digits='coco/segm_mAP',
    retinanet_crossformer_t_digits='coco/bbox_mAP',
    upernet_crossformer_t_digits='mIoU',
    crossformer_t_digits='accuracy/top1',
    crossformer_t_multires_digits='accuracy/top1',
)


@pytest.fixture(scope='session')
def digits(tmp_path_factory):
    """A folder of very few digits, which parallel test processes share: none of them writes to it."""
    folder = tmp_path_factory.getbasetemp()
    if 'PYTEST_XDIST_WORKER' in os.environ:
        folder = folder.parent
    return ensure_digits(folder / 'digits', DigitsSpec(**SPEC))


@pytest.fixture(scope='session')
def write_quick(digits):
    """Writes into a folder a config that inherits from a digits config and runs in seconds."""

    def write(folder, name, report=None, curves=False):
        settings = copy.deepcopy(QUICK[name])
        # Curves and a report take longer than the training: only where they are asked for, with these arguments.
        expensive = dict(CurvesHook={} if curves else None, ReportHook=report)
        hooks = [dict(hook) for hook in Config.fromfile(HOOKS).custom_hooks]
        settings['custom_hooks'] = [hook for hook in hooks if hook['type'].partition('.')[2] not in expensive]
        asked = {kind: arguments for kind, arguments in expensive.items() if arguments is not None}
        settings['custom_hooks'] += [dict(type=f'mmcrossformer.{kind}', **more) for kind, more in asked.items()]
        settings['model']['backbone'] = dict(arch=dict(ARCH, _delete_=True))
        settings.setdefault('default_hooks', {})['logger'] = dict(interval=1)
        for part in ('train', 'val', 'test'):
            dataset = dict(data_root=f'{digits}/', spec=SPEC)
            loader = dict(batch_size=2, num_workers=0, persistent_workers=False, dataset=dataset)
            settings[f'{part}_dataloader'] = loader
        if METRIC[name].startswith('coco'):
            ann_file = f'{digits}/annotations/instances_val.json'
            settings['val_evaluator'] = settings['test_evaluator'] = dict(ann_file=ann_file)
        lines = [
            f'_base_ = {str(CONFIGS / name) + ".py"!r}',
            *(f'{key} = {value!r}' for key, value in settings.items()),
        ]
        path = folder / f'{name}.py'
        path.write_text('\n'.join(lines))
        return path

    return write


@pytest.fixture
def quick(write_quick, tmp_path):
    """`write_quick` with a folder for each test."""
    return functools.partial(write_quick, tmp_path)


@pytest.fixture
def call(monkeypatch, capsys):
    """Runs a command in this interpreter; returns its exit code and what it printed."""

    # Handlers of earlier runs in this interpreter write to streams that are closed by now.
    monkeypatch.setattr(logging, 'raiseExceptions', False)

    def run(*args):
        monkeypatch.setattr(sys, 'argv', ['mmcrossformer', *map(str, args)])
        monkeypatch.setenv('COLUMNS', '200')
        code = 0
        try:
            mmcrossformer_cli.main()
        except SystemExit as stopped:
            code = stopped.code
        out = capsys.readouterr()
        assert 'Traceback' not in out.err
        return code, out.out + out.err

    return run


def run(command, *args, **kwargs):
    """Runs a command of mmcrossformer, see `run_program`."""
    return run_program(PROGRAM, [command, *args], **kwargs)


def run_program(program, args, processes=1, fresh=False):
    """Runs a program in a process of its own, or in several that talk to each other, as torchrun starts them.

    Processes are forks of one that has imported libraries; `fresh` ones are new interpreters, which takes seconds for
    each. `fresh` is for what depends on a new interpreter: what is imported when, the order of sets, torchrun itself.
    """
    env, command = dict(os.environ, COLUMNS='200'), [*map(str, [program, *args])]
    if AVAILABLE and not fresh:
        ranks = [] if processes == 1 else [str(HELPERS / 'ranks.py'), str(processes)]
        program, *args = [*ranks, *command]
        return LIBRARIES.run(program, args, env, TIMEOUT)
    launcher = [] if processes == 1 else [*TORCHRUN, str(processes)]
    command = [sys.executable, *launcher, *command]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=env, timeout=TIMEOUT)


class Hidden:
    """Hides a package from the import system."""

    def __init__(self, name):
        self.name = name

    def find_spec(self, fullname, path=None, target=None):
        if fullname.split('.')[0] == self.name:
            raise ModuleNotFoundError(f'No module named {self.name!r}', name=self.name)
        return
