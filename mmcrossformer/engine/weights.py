"""Weights for testing and resuming: they fit, or the user is told what does not."""

from pathlib import Path

from mmengine.config import Config
from mmengine.runner import Runner, find_latest_checkpoint
from torch import nn

from mmcrossformer.checkpoint import read_checkpoint, weights_of
from mmcrossformer.engine.errors import UserError


def load_for_test(runner: Runner, path: str) -> None:
    """Loads a checkpoint of this very model into a runner; see `load_weights`."""
    load_weights(getattr(runner.model, 'module', runner.model), path)
    runner._has_loaded = True


def load_weights(model: nn.Module, path: str | Path) -> None:
    """Loads a checkpoint of this very model.

    Args:
        model: The model.
        path: Checkpoint file.

    Raises:
        UserError: An unreadable file, or one whose names and shapes are not those of the model.
    """
    try:
        state = weights_of(_read(path))
    except ValueError as error:
        raise UserError(f'{path}: {error}') from error
    own = model.state_dict()
    missing = [name for name in own if name not in state]
    foreign = [name for name in state if name not in own]
    other = [name for name in own if name in state and own[name].shape != state[name].shape]
    if missing or foreign or other:
        named = ((missing, 'missing in the file'), (foreign, 'unknown to the model'))
        wrong = [f'{len(names)} {what} ({", ".join(names[:3])})' for names, what in named if names]
        if other:
            name = other[0]
            shapes = f'{name}: {list(state[name].shape)} in the file, {list(own[name].shape)} in the model'
            wrong.append(f'{len(other)} of another shape ({shapes})')
        raise UserError(
            f'checkpoint {path} is not of this model, which has {len(own)} parameters and buffers: '
            f'{" and ".join(wrong)}. Use the config that it was trained with; training leaves a copy beside it.'
        )
    model.load_state_dict(state)


def check_resume(cfg: Config) -> None:
    """Checks, before anything is built, that what a training shall start from can be read.

    Raises:
        UserError: `load_from` is unreadable, or a training to resume lacks the state of its optimizer.
    """
    path = cfg.get('load_from')
    if path is None and cfg.get('resume'):
        path = find_latest_checkpoint(cfg.work_dir)
    if path is None or '://' in str(path):
        return
    checkpoint = _read(path)
    if cfg.get('resume') and 'optimizer' not in checkpoint:
        raise UserError(
            f'checkpoint {path} holds weights alone, so there is no training to resume: leave --resume out and start '
            f'from its weights with --cfg-options load_from={path}'
        )


def _read(path: str | Path) -> dict:
    try:
        return read_checkpoint(path)
    except ValueError as error:
        raise UserError(str(error)) from error
