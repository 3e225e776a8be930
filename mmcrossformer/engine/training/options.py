"""Options of a training, the same on the command line and in Python."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from mmcrossformer.engine.own_data import OwnCoco


@dataclass(frozen=True)
class TrainOptions:
    """What to change in a config, and how to start.

    Attributes:
        settings: Settings of the config to replace, by dotted name.
        work_dir: Folder for logs and results; None for `work_dirs/<name of the config>`.
        seed: Random seed; None for a new one.
        data: Folder of own data, in any format of docs/own_data.md.
        split: Share of the pictures to train on, where the folder has no subset to validate on; None for 0.8.
        data_format: Name of the format, where a folder has several.
        coco: Own data in COCO format, named file by file, in place of `data`.
        recipe: Augmentation and length for small data, see `mmcrossformer.config.recipes`.
        batch_size: Pictures in a batch of one process, or 'auto'; the learning rate follows by the linear rule.
        ema: Whether to average the weights.
        patience: Number of validations without improvement after which the training stops.
        trackers: Names of experiment trackers, see `mmcrossformer.config.trackers`.
        amp: Whether to train in mixed precision; needs a GPU.
        auto_scale_lr: Whether to scale the learning rate with the total batch size.
        resume: Checkpoint to resume from, or 'auto' for the latest one in the work directory.
        reset_schedule: Whether a resumed run uses the schedule of the config in place of that in the checkpoint.
        check: Whether to check data, model and settings before the first step.
        launcher: Job launcher: 'none', 'pytorch', 'slurm' or 'mpi'.
    """

    settings: dict[str, Any] = field(default_factory=dict)
    work_dir: str | Path | None = None
    seed: int | None = None
    data: str | Path | None = None
    split: float | None = None
    data_format: str | None = None
    coco: OwnCoco | None = None
    recipe: str | None = None
    batch_size: int | Literal['auto'] | None = None
    ema: bool = False
    patience: int | None = None
    trackers: tuple[str, ...] = ()
    amp: bool = False
    auto_scale_lr: bool = False
    resume: str | Path | None = None
    reset_schedule: bool = False
    check: bool = True
    launcher: str = 'none'
