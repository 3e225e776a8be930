"""Reading checkpoints that others wrote, safely, and writing them."""

import codecs
import hashlib
import importlib
import io
import pickle
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from mmengine.logging import HistoryBuffer
from safetensors.torch import load_file, save

from mmcrossformer.utils.files import write_bytes


def weights_of(checkpoint: Mapping[str, Any]) -> dict[str, Any]:
    """Takes the weights out of a checkpoint: under `state_dict`, under `model`, or the dict itself.

    Raises:
        ValueError: What is there is no dict of tensors.
    """
    weights = checkpoint.get('state_dict', checkpoint.get('model', checkpoint))
    if not isinstance(weights, Mapping) or not all(isinstance(value, torch.Tensor) for value in weights.values()):
        raise ValueError('the checkpoint holds no dict of tensors, neither at its top nor as state_dict or model')
    bare = {str(name).removeprefix('module.'): value for name, value in weights.items()}
    if len(bare) < len(weights):
        raise ValueError('the checkpoint holds names twice, once with the prefix module. and once without')
    return bare


def read_checkpoint(path: str | Path, *, values: bool = True) -> dict[str, Any]:
    """Reads a checkpoint onto the CPU without running any code that it may carry.

    Args:
        path: File saved by torch (weights alone, or the whole state of a training), or by safetensors if its name ends
            in `.safetensors`.
        values: Whether the values of tensors are read. Without them, tensors of torch's present format are mapped from
            the file, which costs neither time nor memory until somebody looks at one; the file must not change then.

    Returns:
        The dict in the file.

    Raises:
        ValueError: No such file, or one that holds anything but tensors and what mmengine stores beside them.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f'checkpoint {path} is no file (files are not downloaded: fetch it first)')
    _refuse_other_files(path)
    try:
        if path.suffix == '.safetensors':
            return load_file(path)
        mapped = not values and zipfile.is_zipfile(path)  # torch cannot map its format of before 2020
        # What mmengine stores beside tensors, the import of this package has allowed.
        checkpoint = torch.load(path, map_location='cpu', weights_only=True, mmap=mapped)
    except Exception as error:  # damaged files fail in every way that an unpickler can
        raise ValueError(f'checkpoint {path} is no weights file: {_reason(error)}') from error
    if not isinstance(checkpoint, dict):
        raise ValueError(f'checkpoint {path} holds a {type(checkpoint).__name__}, not a dict of tensors')
    return checkpoint


def _refuse_other_files(path: Path) -> None:
    """Reports the kinds of files that are most often mistaken for checkpoints."""
    with path.open('rb') as file:
        start = file.read(512)
    if not start:
        problem = 'it is empty. Download it again'
    elif start.startswith(b'version https://git-lfs'):
        problem = 'it is a pointer of Git LFS, not the file itself. Fetch that with: git lfs pull'
    elif start.lstrip().lower().startswith((b'<!doctype html', b'<html')):
        problem = 'it is a web page saved under this name. Download the file that the page is about'
    elif start.startswith(b'PK') and not zipfile.is_zipfile(path):
        problem = f'it is cut off after {path.stat().st_size:,} bytes. Download it again'
    elif path.suffix != '.safetensors' and not start.startswith((b'PK', b'\x80')):
        problem = 'it does not start as files of torch do. Name one that torch wrote, or *.safetensors'
    else:
        return
    raise ValueError(f'checkpoint {path} is no weights file: {problem}')


# What torch, pickle and safetensors say about a file that ends too early.
_SIGNS_OF_A_CUT = ('truncated', 'unexpected EOF', 'unpack requires a buffer', 'incomplete', 'Incomplete')


def _reason(error: Exception) -> str:
    # torch wraps the reason into the advice to run the file's code after all.
    text = (str(error.__context__ or error) or type(error).__name__).split('. ')[0].splitlines()[0]
    if isinstance(error, EOFError) or any(sign in text for sign in _SIGNS_OF_A_CUT):
        return f'it is cut off ({text}). Download it again'
    if 'GLOBAL' in text or 'asks for' in text:
        return f'it holds code beside tensors, which was not run ({text}). Ask its author for the weights alone'
    return text


def write_checkpoint(weights: Mapping[str, torch.Tensor], path: str | Path, under: str | None = None) -> Path:
    """Writes weights, and a part of their SHA-256 into the name of the file.

    Args:
        weights: Tensors by name.
        path: File to write; `weights.pth` becomes `weights-0123abcd.pth`. A name that ends in `.safetensors` makes a
            file of that format.
        under: Key of the dict that is saved, such as 'state_dict'; None for the weights themselves. Files of
            safetensors know none.

    Returns:
        The file.

    Raises:
        FileExistsError: The file exists.
    """
    path = Path(path)
    tensors = {name: value.detach().cpu().contiguous().clone() for name, value in weights.items()}
    if path.suffix == '.safetensors':
        content = save(tensors, metadata=dict(format='pt'))
    else:
        buffer = io.BytesIO()
        torch.save({under: tensors} if under else tensors, buffer)
        content = buffer.getvalue()
    digest = hashlib.sha256(content).hexdigest()
    target = path.with_name(f'{path.stem}-{digest[:8]}{path.suffix}')
    if target.exists():
        raise FileExistsError(f'{target} exists')
    write_bytes(target, content)
    return target


_Function = TypeVar('_Function', bound=Callable)
_DTYPES = ('f4', 'f8', 'i4', 'i8', 'u4', 'b1')


def stored_by_mmengine() -> list:
    """Returns what the state of a training by mmengine holds beside tensors, for torch's safe globals."""
    multiarray = importlib.import_module('numpy._core.multiarray' if hasattr(np, '_core') else 'numpy.core.multiarray')
    # With `codecs.encode` pickle makes bytes out of text; torch before 2.5 does not allow it by itself.
    allowed = [HistoryBuffer, multiarray._reconstruct, multiarray.scalar, np.ndarray, codecs.encode]
    allowed += [type(np.dtype(name)) for name in _DTYPES]
    return [*allowed, _plain_dtype, _statistic]


def _found_as(name: str) -> Callable[[_Function], _Function]:
    """Gives a function the name by which files ask for what it stands in for."""

    def rename(function: _Function) -> _Function:
        function.__module__, _, function.__qualname__ = name.rpartition('.')
        function.__name__ = function.__qualname__
        return function

    return rename


@_found_as('numpy.dtype')
def _plain_dtype(name: str, *_: Any) -> np.dtype:
    """Stands in for `np.dtype`, from which a file could forge one that reads foreign memory.

    The dtypes of numpy itself, which this returns, ignore what a file says of their state.
    """
    if name not in _DTYPES:
        raise pickle.UnpicklingError(f'asks for arrays of {name!r}')
    return np.dtype(name)


@_found_as('builtins.getattr')
def _statistic(owner: Any, name: str) -> Any:
    """Stands in for `getattr`, with which a file could reach anything: returns the statistics of a `HistoryBuffer`."""
    if owner is not HistoryBuffer or name not in ('min', 'max', 'mean', 'current'):
        raise pickle.UnpicklingError(f'asks for {name!r} of {owner!r}')
    return getattr(owner, name)
