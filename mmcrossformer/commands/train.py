"""Trains a detector, segmenter or classifier."""

import argparse
import importlib
import os
import sys

from mmengine.config import Config

from mmcrossformer.commands.common import (
    add_common_arguments,
    add_own_data_arguments,
    apply_own_data,
    load_config,
    make_folder,
    needs_cuda,
)
from mmcrossformer.engine.check import check_job
from mmcrossformer.engine.processes import lost_processes_told
from mmcrossformer.engine.runner import build_runner, check_data
from mmcrossformer.utils.errors import UserError
from mmcrossformer.utils.weights import load_safely, prepare_resume

# Images of each data set that are decoded before a training; `mmcrossformer check` decodes all.
DECODED = 500


def main() -> None:
    """Reads the command line, checks the job and trains."""
    args = parse_args()
    load_safely()
    cfg = load_config(args)
    apply_own_data(cfg, args)
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
    make_folder('--work-dir', cfg.work_dir)
    prepare_resume(cfg)
    if not args.no_check and os.environ.get('RANK', '0') == '0':
        stop_at_errors(cfg)
    with lost_processes_told():
        build_runner(cfg, train=True).train()


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


def stop_at_errors(cfg: Config) -> None:
    """Prints what `check_job` warns of; what would spoil the training is an error.

    Raises:
        UserError: See there.
    """
    findings = check_job(cfg, DECODED)
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
