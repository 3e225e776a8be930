"""Loads weights for testing and resuming, and reports mismatches."""

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
from mmcrossformer.utils.run import latest_checkpoint

_WEIGHTS_ONLY = 'TORCH_FORCE_WEIGHTS_ONLY_LOAD'


def load_for_test(runner: Runner, path: str) -> None:
    """Loads a checkpoint of the same model into a runner; see `load_weights`."""
    load_weights(getattr(runner.model, 'module', runner.model), path)
    runner._has_loaded = True


def load_weights(model: nn.Module, path: str | Path) -> dict[str, Any]:
    """Loads a checkpoint of the same model, or an official file of it.

    Args:
        model: The model.
        path: Checkpoint file.

    Returns:
        mmengine's `meta` of the file, so that it is read only once; empty without one.

    Raises:
        UserError: The file is unreadable, or its names and shapes are not those of the model.
    """
    checkpoint = read_file(path)
    try:
        state = weights_of(checkpoint)
    except ValueError as error:
        raise UserError(f'{path}: {error}') from error
    own = model.state_dict()
    if is_official(state) and not state.keys() <= own.keys():
        with suppress(ValueError):  # a file of another model is reported below
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
            f'{" and ".join(wrong)}. Use the config that it was trained with; training writes a copy beside it.'
        )
    model.load_state_dict(state)
    meta = checkpoint.get('meta')
    return meta if isinstance(meta, dict) else {}


def prepare_resume(cfg: Config) -> None:
    """Checks, before anything is built, that the checkpoint to start from can be read.

    A resumed run continues from `load_from`, or the last checkpoint of the work directory, with its seed.

    Raises:
        UserError: The checkpoint is unreadable or, to resume, has no optimizer state.
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
            f'checkpoint {path} contains no training state of mmengine, so it cannot be resumed: leave '
            f'--resume out and start from its weights with --cfg-options load_from={path}'
        )
    randomness = cfg.get('randomness', {})
    if randomness.get('seed') is None:
        cfg.randomness = dict(randomness, seed=meta.get('seed'))


@contextmanager
def report_misfits() -> Iterator[None]:
    """Reports weights that timm loads while building a model and that do not fit it.

    Raises:
        UserError: In place of torch's error, which lists all names.
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
    """Makes torch load checkpoints with `weights_only=True` within the context."""
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
    """Makes this process load all checkpoints without running code in them, including mmengine's loaders.

    Only for the main function of commands: a program that imports this package keeps its own loaders.
    """
    os.environ[_WEIGHTS_ONLY] = '1'
    CheckpointLoader.register_scheme(prefixes='', loader=load_from_file, force=True)
    CheckpointLoader.register_scheme(prefixes=['http://', 'https://'], loader=load_from_address, force=True)


def load_from_address(filename: str, map_location: object = None) -> dict:
    """Loads a checkpoint from a URL for mmengine; it is downloaded once, to the directory of torch.hub.

    Raises:
        UserError: The file cannot be downloaded, or is no checkpoint.
    """
    # The hash keeps files of the same name apart, such as epoch_12.pth.
    place = hashlib.sha256(filename.encode()).hexdigest()[:8]
    path = Path(torch.hub.get_dir()) / 'checkpoints' / place / Path(urlparse(filename).path).name
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f'{path}.lock'):  # one process of a machine downloads
        if not path.exists():
            try:
                torch.hub.download_url_to_file(filename, str(path))
            except OSError as error:  # includes the errors of urllib
                raise UserError(f'checkpoint {filename} cannot be downloaded: {error}') from error
    return read_file(path)


def load_from_file(filename: str, map_location: object = None) -> dict:
    """Loads a checkpoint file for mmengine."""
    return read_file(Path(filename).expanduser())


def inspect_checkpoint(path: str | Path) -> dict[str, Any]:
    """Reads a checkpoint without the values of its tensors.

    Raises:
        UserError: The file does not exist or is no checkpoint.
    """
    return read_file(path, values=False)


def read_file(path: str | Path, *, values: bool = True) -> dict[str, Any]:
    """Reads a checkpoint without running code in it; see `read_checkpoint`.

    Raises:
        UserError: The file does not exist or is no checkpoint.
    """
    try:
        return read_checkpoint(path, values=values)
    except ValueError as error:
        raise UserError(str(error)) from error
