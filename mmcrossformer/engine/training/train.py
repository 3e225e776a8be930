"""Trains."""

from pathlib import Path
from typing import Any

from mmcrossformer.engine.hooks import ResumedScheduleHook
from mmcrossformer.engine.processes import report_lost_processes
from mmcrossformer.engine.runner import build_runner
from mmcrossformer.engine.training.job import prepare_job
from mmcrossformer.engine.training.options import TrainOptions
from mmcrossformer.utils.weights import weights_only


def train(config: str | Path, **options: Any) -> Path:
    """Trains a detector, segmenter or classifier, as `mmcrossformer train` does.

    Args:
        config: Config file, or name of a config of the package.
        **options: Fields of `TrainOptions`, such as `data='photos'`, `work_dir='work_dirs/photos'` or `seed=0`.

    Returns:
        The work directory, with the weights, the config and the report; `Predictor` takes it.

    Raises:
        UserError: Options, data or settings are invalid; the message names what to change.
    """
    return run_job(str(config), TrainOptions(**options))


def run_job(config: str, options: TrainOptions) -> Path:
    """Prepares and runs a training; see `train`."""
    with weights_only():
        cfg = prepare_job(config, options)
        with report_lost_processes():
            runner = build_runner(cfg, train=True)
            if cfg.get('resume') and not cfg.get('strategy'):
                runner.register_hook(ResumedScheduleHook(reset=options.reset_schedule))
            runner.train()
    return Path(cfg.work_dir)
