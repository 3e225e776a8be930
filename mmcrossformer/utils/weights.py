"""Weights for testing and resuming: they fit, or the user is told what does not."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from textwrap import shorten
from typing import Any
from urllib.parse import urlparse

import torch
from filelock import FileLock
from mmengine.config import Config
from mmengine.runner import CheckpointLoader, Runner
from torch import nn

from mmcrossformer.checkpoint import is_official, own_model_names, read_checkpoint, weights_of
from mmcrossformer.utils.errors import UserError

_WEIGHTS_ONLY = 'TORCH_FORCE_WEIGHTS_ONLY_LOAD'


def load_for_test(runner: Runner, path: str) -> None:
    """Loads a checkpoint of this very model into a runner; see `load_weights`."""
    load_weights(getattr(runner.model, 'module', runner.model), path)
    runner._has_loaded = True


def load_weights(model: nn.Module, path: str | Path) -> dict[str, Any]:
    """Loads a checkpoint of this very model; official files as they are published, too.

    Args:
        model: The model.
        path: Checkpoint file.

    Returns:
        What the file says about the training (mmengine's `meta`), so that it is read once; empty where it says nothing.

    Raises:
        UserError: An unreadable file, or one whose names and shapes are not those of the model.
    """
    checkpoint = read_file(path)
    try:
        state = weights_of(checkpoint)
    except ValueError as error:
        raise UserError(f'{path}: {error}') from error
    own = model.state_dict()
    if is_official(state) and not state.keys() <= own.keys():
        with suppress(ValueError):  # a file of another model: its names are reported below
            state = own_model_names(state)
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
    meta = checkpoint.get('meta')
    return meta if isinstance(meta, dict) else {}


def prepare_resume(cfg: Config) -> None:
    """Checks, before anything is built, that what a training shall start from can be read.

    A training to resume goes on from the named checkpoint, or the last one of the work directory, with its seed.

    Raises:
        UserError: `load_from` is unreadable, or a training to resume lacks the state of its optimizer.
    """
    if cfg.get('resume') and cfg.get('load_from') is None:
        cfg.load_from = latest_checkpoint(cfg.work_dir)
    path = cfg.get('load_from')
    if path is None or '://' in str(path):
        return
    checkpoint = inspect_checkpoint(path)
    if not cfg.get('resume'):
        return
    meta = checkpoint.get('meta')
    if 'optimizer' not in checkpoint or not isinstance(meta, dict):
        raise UserError(
            f'checkpoint {path} holds no state of a training by mmengine, so there is no training to resume: leave '
            f'--resume out and start from its weights with --cfg-options load_from={path}'
        )
    randomness = cfg.get('randomness', {})
    if randomness.get('seed') is None:
        cfg.randomness = dict(randomness, seed=meta.get('seed'))


def latest_checkpoint(work_dir: str | Path) -> str | None:
    """Finds the checkpoint to resume from.

    Returns:
        What `last_checkpoint` names; if that file was cut off or names none, the checkpoint that was written last.
    """
    named = Path(work_dir) / 'last_checkpoint'
    if named.is_file() and Path(path := named.read_text().strip()).is_file():
        return path
    found = [path for kind in ('epoch', 'iter') for path in Path(work_dir).glob(f'{kind}_*.pth')]
    return str(max(found, key=lambda path: path.stat().st_mtime)) if found else None


@contextmanager
def report_misfits() -> Iterator[None]:
    """Tells the user when weights that timm loads while it builds a model are not of that model.

    Raises:
        UserError: In place of torch's list of all names.
    """
    try:
        yield
    except RuntimeError as error:
        if 'loading state_dict' not in str(error):
            raise
        listed = shorten(str(error).partition('loading state_dict')[2], 300)
        raise UserError(f'the weights at checkpoint_path are not of this model: {listed}') from error


@contextmanager
def weights_only() -> Iterator[None]:
    """Makes torch read checkpoints as data alone for as long as the context lasts."""
    before = os.environ.get(_WEIGHTS_ONLY)
    os.environ[_WEIGHTS_ONLY] = '1'
    try:
        yield
    finally:
        if before is None:
            del os.environ[_WEIGHTS_ONLY]
        else:
            os.environ[_WEIGHTS_ONLY] = before


def force_weights_only() -> None:
    """Makes this process read all checkpoints without running code that they may carry, mmengine's ways included.

    For the main function of commands alone: a program that imports this package keeps its own ways of loading.
    """
    os.environ[_WEIGHTS_ONLY] = '1'
    CheckpointLoader.register_scheme(prefixes='', loader=load_from_file, force=True)
    CheckpointLoader.register_scheme(prefixes=['http://', 'https://'], loader=load_from_address, force=True)


def load_from_address(filename: str, map_location: object = None) -> dict:
    """Reads the file at an address for mmengine; it is downloaded once, to where torch keeps its downloads.

    Raises:
        UserError: It cannot be downloaded, or is no checkpoint.
    """
    # Many trainings have an epoch_12.pth.
    place = hashlib.sha256(filename.encode()).hexdigest()[:8]
    path = Path(torch.hub.get_dir()) / 'checkpoints' / place / Path(urlparse(filename).path).name
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f'{path}.lock'):  # one of the processes on a machine
        if not path.exists():
            try:
                torch.hub.download_url_to_file(filename, str(path))
            except OSError as error:  # what urllib raises, too
                raise UserError(f'checkpoint {filename} cannot be downloaded: {error}') from error
    return read_file(path)


def load_from_file(filename: str, map_location: object = None) -> dict:
    """Reads a file for mmengine."""
    return read_file(Path(filename).expanduser())


def inspect_checkpoint(path: str | Path) -> dict[str, Any]:
    """Reads all of a checkpoint but the values of its tensors, for a look before something else reads it.

    Raises:
        UserError: No such file, or no checkpoint.
    """
    return read_file(path, values=False)


def read_file(path: str | Path, *, values: bool = True) -> dict[str, Any]:
    """Reads a checkpoint as data alone; see `read_checkpoint`.

    Raises:
        UserError: No such file, or no checkpoint.
    """
    try:
        return read_checkpoint(path, values=values)
    except ValueError as error:
        raise UserError(str(error)) from error
