"""Finds config and weights in the work directory of a training; imports only the standard library."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mmcrossformer.utils.errors import UserError, names

# Weights and config of the best validation, which `BestHook` writes.
BEST = 'best.pth'
# What a new training makes of those of an earlier one in its folder; nothing takes them by itself.
EARLIER_BEST = 'earlier_best.pth'


@dataclass(frozen=True)
class Run:
    """A training that left its results in a folder.

    Attributes:
        config: The config that training wrote.
        checkpoint: The best weights, or else the latest.
    """

    config: Path
    checkpoint: Path

    def __str__(self) -> str:
        """Returns what was found, for the output of commands."""
        is_best = self.checkpoint.name == BEST
        which = BEST if is_best else f'{self.checkpoint.name} (the latest: there is no {BEST})'
        return f'{self.config.parent}: config {self.config.name}, weights {which}'


def find_run(work_dir: str | Path) -> Run:
    """Finds config and weights of a training.

    Args:
        work_dir: Its work directory, which may have been moved.

    Raises:
        UserError: The folder does not exist, or has no config, several, or no checkpoint.
    """
    folder = Path(work_dir)
    if not folder.is_dir():
        raise UserError(f'{work_dir} is no folder; the work directory of a training is needed')
    configs = sorted(folder.glob('*.py'))
    if not configs:
        raise UserError(
            f'{work_dir} has no config (*.py), which training writes there, so it is no work directory of a training: '
            'name its config and checkpoint'
        )
    if len(configs) > 1:
        raise UserError(
            f'{work_dir} has the configs of {len(configs)} trainings: {names([path.name for path in configs])}. '
            f'Name config and folder, such as {configs[0]} {work_dir}'
        )
    return Run(configs[0], find_weights(folder))


def find_weights(work_dir: str | Path) -> Path:
    """Returns the best checkpoint of a work directory, or else the latest.

    Raises:
        UserError: There is none.
    """
    found = best_checkpoint(work_dir)
    if found is None:
        raise UserError(
            f'{work_dir} has no checkpoint ({BEST}, epoch_*.pth or iter_*.pth): name the file, or train until the '
            'first one is written'
        )
    return Path(found)


def best_checkpoint(work_dir: str | Path) -> str | None:
    """Returns the path of the best weights in a work directory; without them, that of the latest checkpoint."""
    best = Path(work_dir) / BEST
    return str(best) if best.is_file() else latest_checkpoint(work_dir)


def latest_checkpoint(work_dir: str | Path) -> str | None:
    """Finds the checkpoint to resume from.

    Returns:
        The path in `last_checkpoint`; if that file is missing or invalid, the checkpoint that was written last.
    """
    named = Path(work_dir) / 'last_checkpoint'
    if named.is_file() and Path(path := named.read_text().strip()).is_file():
        return path
    found = [path for kind in ('epoch', 'iter') for path in Path(work_dir).glob(f'{kind}_*.pth')]
    return str(max(found, key=lambda path: path.stat().st_mtime)) if found else None
