"""Turns a config and options into a job that is ready to run."""

import sys
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import torch
from mmengine.config import Config

from mmcrossformer.config.averaging import use_ema
from mmcrossformer.config.patience import use_patience
from mmcrossformer.config.recipes import use_recipe
from mmcrossformer.config.trackers import use_trackers
from mmcrossformer.config.walk import datasets_of, schedulers_of
from mmcrossformer.datasets.coco import Reader, read_coco
from mmcrossformer.engine.batch_size import use_batch_size
from mmcrossformer.engine.check import Limits, examine_job
from mmcrossformer.engine.check.finding import Finding
from mmcrossformer.engine.job import read_job
from mmcrossformer.engine.largest_batch import find_batch_size
from mmcrossformer.engine.own_data import OwnData, use_own_data
from mmcrossformer.engine.preview import write_preview
from mmcrossformer.engine.processes import count_processes, is_first_process
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
    folder, is_first = Path(cfg.work_dir), is_first_process(options.launcher)
    for note in _apply(cfg, options, read):
        if is_first:
            print(note, flush=True)
    check_data(cfg, ('train', 'val'))
    prepare_resume(cfg)
    make_folder('--work-dir', folder)
    if is_first:
        # Building the model checks channels, and the backbone is built only once.
        report = examine_job(cfg, LIMITS, channels=False, read=read) if options.check else None
        # Before it stops at errors: the page shows them.
        problem = write_preview(cfg, report, folder / 'preview.html')
        if problem:
            print(f'warning: {problem}', file=sys.stderr)
        if report is not None:
            _stop_at_errors(report.findings)
    return cfg


def _apply(cfg: Config, options: TrainOptions, read: Reader) -> Iterator[str]:
    """Applies the options to the config; yields what was found and decided."""
    own = OwnData(options.data, options.split, options.data_format, options.coco)
    yield from use_own_data(cfg, own, Path(cfg.work_dir) / 'data', read)
    if options.recipe is not None:
        yield from use_recipe(cfg, options.recipe, _count_images(cfg, read))
    if options.auto_scale_lr:
        if 'base_batch_size' not in cfg.get('auto_scale_lr', {}):
            raise UserError(f'--auto-scale-lr needs auto_scale_lr.base_batch_size, which {cfg.filename} does not set')
        cfg.auto_scale_lr.enable = True
    _set_precision(cfg, options)
    if options.batch_size is not None:
        yield from _set_batch_size(cfg, options.batch_size, options)
    if options.ema:
        use_ema(cfg)
    if options.patience is not None:
        use_patience(cfg, options.patience)
    use_trackers(cfg, options.trackers)
    if options.resume is not None:
        cfg.resume = True
        cfg.load_from = None if options.resume == 'auto' else str(options.resume)
    if options.reset_schedule:
        _check_reset(cfg)


def _set_batch_size(cfg: Config, size: int | str, options: TrainOptions) -> Iterator[str]:
    if options.auto_scale_lr:
        raise UserError('--batch-size scales the learning rate itself: leave --auto-scale-lr out')
    if not isinstance(size, int):
        if count_processes() > 1:
            raise UserError(
                '--batch-size auto looks for the batch of one process: find it without torchrun, and name it'
            )
        check_data(cfg, ('train',))
        size, reason = find_batch_size(cfg)
        yield f'--batch-size auto: {size} ({reason})'
    yield from use_batch_size(cfg, size)


def _count_images(cfg: Config, read: Reader) -> int | None:
    """Returns the number of images to train on; None if not all data sets have an annotation file in COCO format."""
    files = [
        Path(dataset.get('data_root') or '') / (dataset.get('ann_file') or '')
        for dataset in datasets_of(cfg.train_dataloader)
    ]
    if not all(path.suffix == '.json' and path.is_file() for path in files):
        return None
    return sum(len(read(path)['images']) for path in files)


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


def _stop_at_errors(findings: Sequence[Finding]) -> None:
    """Prints the warnings; raises if there are errors.

    Raises:
        UserError: There are errors.
    """
    for finding in findings:
        if finding.warning:
            print(finding, file=sys.stderr)
    errors = [finding.text for finding in findings if not finding.warning]
    if errors:
        raise UserError('\n  '.join(['the job has errors (--no-check starts it anyway):', *errors]))
