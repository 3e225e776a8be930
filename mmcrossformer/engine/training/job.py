"""Turns a config and options into a job that is ready to run."""

import sys
from functools import cache

import torch
from mmengine.config import Config

from mmcrossformer.config.walk import schedulers_of
from mmcrossformer.datasets.coco import Reader, read_coco
from mmcrossformer.engine.check import Limits, check_job
from mmcrossformer.engine.job import read_job
from mmcrossformer.engine.processes import is_first_process
from mmcrossformer.engine.runner import check_data
from mmcrossformer.engine.training.options import TrainOptions
from mmcrossformer.utils.errors import UserError
from mmcrossformer.utils.outputs import make_folder
from mmcrossformer.utils.weights import prepare_resume

# Images of each data set that are checked before training. This takes seconds, also on a network drive; the other
# processes of a job wait for it. `mmcrossformer check` checks all images.
LIMITS = Limits(present=20_000, decoded=500)


def prepare_job(config: str, options: TrainOptions) -> Config:
    """Reads the config, applies the options and checks the job.

    The first process checks before the process group is created, so that no other process waits for it in a collective.
    Memory for the check, such as that of annotations, is free again on return.

    Raises:
        UserError: Options, data or settings are invalid.
    """
    read = cache(read_coco)
    cfg = read_job(config, options.settings, options.work_dir, options.seed, options.launcher)
    own = OwnData(options.data, options.split, options.data_format, options.coco)
    notes = [*use_own_data(cfg, own, Path(cfg.work_dir) / 'data', read)]
    if options.recipe is not None:
        notes += use_recipe(cfg, options.recipe, count_images(cfg, read))
    if options.ema:
        use_ema(cfg)
    if options.patience is not None:
        use_patience(cfg, options.patience)
    use_trackers(cfg, options.trackers)
    _set_precision(cfg, options)
    if options.auto_scale_lr:
        if 'base_batch_size' not in cfg.get('auto_scale_lr', {}):
            raise UserError(f'--auto-scale-lr needs auto_scale_lr.base_batch_size, which {config} does not set')
        cfg.auto_scale_lr.enable = True
    if options.resume is not None:
        cfg.resume = True
        cfg.load_from = None if options.resume == 'auto' else str(options.resume)
    if options.reset_schedule:
        _check_reset(cfg)
    check_data(cfg, ('train', 'val'))
    prepare_resume(cfg)
    if options.check and is_first_process(options.launcher):
        _stop_at_errors(cfg, read)
    make_folder('--work-dir', cfg.work_dir)
    return cfg


def _set_precision(cfg: Config, options: TrainOptions) -> None:
    if not options.amp:
        return
    if not torch.cuda.is_available():
        raise UserError('--amp needs a GPU, and torch sees none here: leave --amp out')
    cfg.optim_wrapper.update(type='AmpOptimWrapper', loss_scale=cfg.optim_wrapper.get('loss_scale', 'dynamic'))


def _check_reset(cfg: Config) -> None:
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


def _stop_at_errors(cfg: Config, read: Reader) -> None:
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
