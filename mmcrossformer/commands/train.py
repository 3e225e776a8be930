"""Trains a detector, segmenter or classifier."""

import argparse
import importlib
import sys
from functools import cache

from mmengine.config import Config

from mmcrossformer.commands.common import (
    add_common_arguments,
    add_own_data_arguments,
    apply_own_data,
    load_config,
    make_folder,
    needs_cuda,
)
from mmcrossformer.datasets.coco import Reader, read_coco
from mmcrossformer.engine.check import Limits, check_job
from mmcrossformer.engine.processes import is_first_process, lost_processes_told
from mmcrossformer.engine.runner import build_runner, check_data
from mmcrossformer.utils.errors import UserError
from mmcrossformer.utils.weights import load_safely, prepare_resume

# Images of each data set that are looked at before a training, which takes seconds also over a network: the other
# processes of a job cannot start without the first. `mmcrossformer check` looks at all.
LIMITS = Limits(present=20_000, decoded=500)


def main() -> None:
    """Reads the command line, checks the job and trains."""
    args = parse_args()
    load_safely()
    cfg = prepare(args)
    with lost_processes_told():
        build_runner(cfg, train=True).train()


def prepare(args: argparse.Namespace) -> Config:
    """Reads the config, applies the arguments, and looks for faults of the job.

    The first process looks before the processes join, so that none waits for it in a collective. What is read for that,
    such as annotations, is free again on return.

    Raises:
        UserError: Arguments, data or settings that cannot work.
    """
    read = cache(read_coco)
    cfg = load_config(args)
    apply_own_data(cfg, args, read)
    if args.amp:
        needs_cuda('--amp')
        cfg.optim_wrapper.update(type='AmpOptimWrapper', loss_scale=cfg.optim_wrapper.get('loss_scale', 'dynamic'))
    if args.auto_scale_lr:
        if 'base_batch_size' not in cfg.get('auto_scale_lr', {}):
            raise UserError(f'--auto-scale-lr needs auto_scale_lr.base_batch_size, which {args.config} does not set')
        cfg.auto_scale_lr.enable = True
    if args.tensorboard:
        log_to_tensorboard(cfg)
    if args.resume is not None:
        cfg.resume = True
        cfg.load_from = None if args.resume == 'auto' else args.resume
    check_data(cfg, ('train', 'val'))
    prepare_resume(cfg)
    if not args.no_check and is_first_process(args.launcher):
        stop_at_errors(cfg, read)
    make_folder('--work-dir', cfg.work_dir)
    return cfg


def parse_args() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_common_arguments(parser)
    parser.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        metavar='CHECKPOINT',
        help='go on from this checkpoint, or from the latest one of the work directory',
    )
    parser.add_argument('--amp', action='store_true', help='train in mixed precision (needs a GPU)')
    parser.add_argument('--auto-scale-lr', action='store_true', help='scale the learning rate to the images of a step')
    parser.add_argument(
        '--tensorboard', action='store_true', help='also log for TensorBoard, into <work directory>/<time>/vis_data'
    )
    parser.add_argument('--no-check', action='store_true', help='start without a look at data and model')
    add_own_data_arguments(parser)
    return parser.parse_args()


def stop_at_errors(cfg: Config, read: Reader) -> None:
    """Prints what `check_job` warns of; what would spoil the training is an error.

    Channels are left to the building of the model, which compares them, so that the backbone is built once.

    Raises:
        UserError: See there.
    """
    findings = check_job(cfg, LIMITS, channels=False, read=read)
    for finding in findings:
        if finding.warning:
            print(finding, file=sys.stderr)
    errors = [finding.text for finding in findings if not finding.warning]
    if errors:
        raise UserError('\n  '.join(['the job has faults (--no-check starts it all the same):', *errors]))


def log_to_tensorboard(cfg: Config) -> None:
    """Makes a training log for TensorBoard, beside what its config says.

    Raises:
        UserError: The package is missing.
    """
    try:
        importlib.import_module('torch.utils.tensorboard')
    except ImportError as error:
        raise UserError(
            f"--tensorboard needs the package tensorboard ({error}): pip install 'mmcrossformer[tensorboard]'"
        ) from error
    if not cfg.get('visualizer'):
        cfg.visualizer = dict(type='Visualizer', vis_backends=[dict(type='LocalVisBackend')])
    backends = [dict(backend) for backend in cfg.visualizer.get('vis_backends') or []]
    if not any(backend['type'] == 'TensorboardVisBackend' for backend in backends):
        cfg.visualizer.vis_backends = [*backends, dict(type='TensorboardVisBackend')]
