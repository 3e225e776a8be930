"""Reads the config of a training or test."""

from pathlib import Path

import torch
from mmengine.config import Config

from mmcrossformer.config.read import read_config
from mmcrossformer.config.walk import replace_sync_bn
from mmcrossformer.engine.processes import check_launcher


def read_job(
    config: str,
    settings: dict | None = None,
    work_dir: str | Path | None = None,
    seed: int | None = None,
    launcher: str = 'none',
) -> Config:
    """Reads the config of a training or test, and sets what every job needs; see `TrainOptions` for the arguments.

    Raises:
        UserError: See `read_config`; or the launcher is not available in this environment.
    """
    cfg = read_config(config, settings)
    cfg.launcher = launcher
    if work_dir is not None:
        cfg.work_dir = str(work_dir)
    elif cfg.get('work_dir') is None:
        cfg.work_dir = str(default_work_dir(config))
    if seed is not None:
        cfg.randomness = dict(cfg.get('randomness', {}), seed=seed)
    check_launcher(launcher)
    if launcher == 'none' or not torch.cuda.is_available():
        replace_sync_bn(cfg.model)
    return cfg


def default_work_dir(config: str) -> Path:
    """Returns the work directory of a training or test run that names none."""
    return Path('work_dirs') / Path(config).stem
