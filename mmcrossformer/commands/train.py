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
    make_folder,
    prepare_config,
    require_cuda,
)
from mmcrossformer.config.walk import schedulers_of
from mmcrossformer.datasets.coco import Reader, read_coco
from mmcrossformer.engine.check import Limits, check_job
from mmcrossformer.engine.hooks import ResumedScheduleHook
from mmcrossformer.engine.processes import is_first_process, report_lost_processes
from mmcrossformer.engine.runner import build_runner, check_data
from mmcrossformer.utils.errors import UserError
from mmcrossformer.utils.weights import force_weights_only, prepare_resume

# Images of each data set that are checked before training. This takes seconds, also on a network drive; the other
# processes of a job wait for it. `mmcrossformer check` checks all images.
LIMITS = Limits(present=20_000, decoded=500)


def main() -> None:
    """Parses the command line, checks the job and trains."""
    args = parse_args()
    force_weights_only()
    cfg = prepare_job(args)
    with report_lost_processes():
        runner = build_runner(cfg, train=True)
        if cfg.get('resume') and not cfg.get('strategy'):
            runner.register_hook(ResumedScheduleHook(reset=args.reset_schedule))
        runner.train()


def prepare_job(args: argparse.Namespace) -> Config:
    """Reads the config, applies the arguments and checks the job.

    The first process checks before the process group is created, so that no other process waits for it in a collective.
    Memory for the check, such as that of annotations, is free again on return.

    Raises:
        UserError: Arguments, data or settings are invalid.
    """
    read = cache(read_coco)
    cfg = prepare_config(args)
    apply_own_data(cfg, args, read)
    if args.amp:
        require_cuda('--amp')
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
    if args.reset_schedule:
        check_reset(cfg)
    check_data(cfg, ('train', 'val'))
    prepare_resume(cfg)
    if not args.no_check and is_first_process(args.launcher):
        stop_at_errors(cfg, read)
    make_folder('--work-dir', cfg.work_dir)
    return cfg


def parse_args() -> argparse.Namespace:
    """Parses the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_common_arguments(parser)
    parser.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        metavar='CHECKPOINT',
        help='resume from this checkpoint, or from the latest one in the work directory',
    )
    parser.add_argument(
        '--reset-schedule',
        action='store_true',
        help="with --resume: use the config's schedule of the learning rate in place of that in the checkpoint",
    )
    parser.add_argument('--amp', action='store_true', help='train in mixed precision (needs a GPU)')
    parser.add_argument(
        '--auto-scale-lr', action='store_true', help='scale the learning rate with the total batch size'
    )
    parser.add_argument(
        '--tensorboard', action='store_true', help='also log to TensorBoard, in <work directory>/<time>/vis_data'
    )
    parser.add_argument('--no-check', action='store_true', help='start without checking data and model')
    add_own_data_arguments(parser)
    return parser.parse_args()


def check_reset(cfg: Config) -> None:
    """Checks that the schedule of a resumed run can be replaced.

    Raises:
        UserError: The run does not resume, or its schedule depends on more than the iteration.
    """
    if not cfg.get('resume'):
        raise UserError('--reset-schedule replaces the schedule of a run that resumes: use it with --resume')
    if cfg.get('strategy'):
        raise UserError(
            f'--reset-schedule does not work with a strategy, and the config sets {cfg.strategy.get("type")!r}'
        )
    plateau = [place for place, scheduler in schedulers_of(cfg) if 'ReduceOnPlateau' in str(scheduler['type'])]
    if plateau:
        raise UserError(
            f'--reset-schedule: {plateau[0]} depends on the metrics of the earlier run, so it cannot be set anew'
        )


def stop_at_errors(cfg: Config, read: Reader) -> None:
    """Prints the warnings of `check_job`; raises if it finds errors.

    Channels are not checked here: building the model checks them, and the backbone is built only once.

    Raises:
        UserError: There are errors.
    """
    findings = check_job(cfg, LIMITS, channels=False, read=read)
    for finding in findings:
        if finding.warning:
            print(finding, file=sys.stderr)
    errors = [finding.text for finding in findings if not finding.warning]
    if errors:
        raise UserError('\n  '.join(['the job has errors (--no-check starts it anyway):', *errors]))


def log_to_tensorboard(cfg: Config) -> None:
    """Adds TensorBoard logging to the visualizer of the config.

    Raises:
        UserError: The package tensorboard is missing.
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
