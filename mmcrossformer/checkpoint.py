"""Reading checkpoints, and the names of the official ones."""

import pickle
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from mmengine.logging import HistoryBuffer

T = TypeVar('T')

# Buffers of older official files: masks and position indices are computed here.
_BUFFER = re.compile(r'layers\.\d\.blocks\.\d+\.(attn\.biases|attn\.relative_position_index|attn_mask)')

_BLOCK = r'layers\.(\d)\.blocks\.(\d+)\.'

# Official name -> name here, without the last part (`weight`, `bias`). The layer between two stages belongs to
# the later one. `norm` and `head` are the classifier's: the output norm of the last stage, mmpretrain's LinearClsHead.
_RULES: list[tuple[re.Pattern[str], Callable[[re.Match[str]], str]]] = [
    (re.compile(pattern), rename)
    for pattern, rename in (
        (r'patch_embed\.projs\.(\d)', lambda m: f'stages.0.embed.convs.{m[1]}'),
        (r'patch_embed\.norm', lambda m: 'stages.0.embed.norm'),
        (r'layers\.(\d)\.downsample\.reductions\.(\d)', lambda m: f'stages.{int(m[1]) + 1}.embed.convs.{m[2]}'),
        (r'layers\.(\d)\.downsample\.norm', lambda m: f'stages.{int(m[1]) + 1}.embed.norm'),
        (_BLOCK + r'(norm[12]|attn\.qkv|attn\.proj|mlp\.fc[12])', lambda m: f'stages.{m[1]}.blocks.{m[2]}.{m[3]}'),
        (_BLOCK + r'attn\.pos\.pos_proj', lambda m: f'stages.{m[1]}.blocks.{m[2]}.attn.pos_bias.proj'),
        (
            _BLOCK + r'attn\.pos\.pos([123])\.([02])',
            lambda m: f'stages.{m[1]}.blocks.{m[2]}.attn.pos_bias.layers.{int(m[3]) - 1}.{m[4]}',
        ),
        (_BLOCK + r'ex_conv', lambda m: f'stages.{m[1]}.blocks.{m[2]}.cooling.conv'),
        (_BLOCK + r'ex_ln', lambda m: f'stages.{m[1]}.blocks.{m[2]}.cooling.norm'),
        (r'norm', lambda m: 'norm3'),
        (r'head', lambda m: 'head.fc'),
    )
]


def convert_official(state_dict: Mapping[str, T]) -> dict[str, T]:
    """Renames the parameters of an official CrossFormer or CrossFormer++ file to those of `CrossFormer`.

    The classifier's parameters come along under the names that they have in mmpretrain: its norm as `norm3` (of
    `CrossFormer(out_norm=True)`), its Linear as `head.fc`.

    Args:
        state_dict: Official names, bare or behind `module.` and `backbone.`. Once a name starts with `backbone.`, only
            those count: the rest is the neck and the heads of a detector or segmenter.

    Returns:
        The same values under the names used here, without prefix. Buffers of old files are dropped.

    Raises:
        ValueError: A name that no official file has.
    """
    bare = {name.removeprefix('module.'): value for name, value in state_dict.items()}
    if any(name.startswith('backbone.') for name in bare):
        bare = {name.removeprefix('backbone.'): v for name, v in bare.items() if name.startswith('backbone.')}
    converted, unknown = {}, []
    for name, value in bare.items():
        if _BUFFER.fullmatch(name):
            continue
        stem, _, kind = name.rpartition('.')
        renamed = next((rename(match) for rule, rename in _RULES if (match := rule.fullmatch(stem))), None)
        if renamed is None or kind not in ('weight', 'bias'):
            unknown.append(name)
        else:
            converted[f'{renamed}.{kind}'] = value
    if unknown or not converted:
        some = f'{", ".join(unknown[:5])}{", ..." if len(unknown) > 5 else ""}'
        raise ValueError(
            f'{len(unknown)} of {len(bare)} names are not those of an official CrossFormer checkpoint: {some}'
            if unknown
            else 'no name is one of an official CrossFormer checkpoint'
        )
    return converted


def weights_of(checkpoint: Mapping[str, Any]) -> dict[str, Any]:
    """Takes the weights out of a checkpoint: under `state_dict`, under `model`, or the dict itself.

    Raises:
        ValueError: What is there is no dict of tensors.
    """
    weights = checkpoint.get('state_dict', checkpoint.get('model', checkpoint))
    if not isinstance(weights, Mapping) or not all(isinstance(value, torch.Tensor) for value in weights.values()):
        raise ValueError('the checkpoint holds no dict of tensors, neither at its top nor as state_dict or model')
    return {name.removeprefix('module.'): value for name, value in weights.items()}


def backbone_weights(checkpoint: Mapping[str, Any]) -> dict[str, Any]:
    """Takes the backbone's weights out of a checkpoint, official or of this project, of a backbone or a whole model.

    Raises:
        ValueError: The checkpoint holds no weights of a CrossFormer.
    """
    weights = weights_of(checkpoint)
    if any(re.match(r'(backbone\.)?patch_embed\.', name) for name in weights):
        return convert_official(weights)
    bare = {name.removeprefix('backbone.'): value for name, value in weights.items()}
    if not any(name.startswith('stages.0.embed.') for name in bare):
        raise ValueError(f'the checkpoint holds no CrossFormer: its names are {", ".join(list(weights)[:3])}, ...')
    return {name: value for name, value in bare.items() if name.startswith(('stages.', 'norm'))}


def read_checkpoint(path: str | Path) -> dict[str, Any]:
    """Reads a checkpoint onto the CPU without running any code that it may carry.

    Args:
        path: File saved by torch: weights alone, or the whole state of a training.

    Returns:
        The dict in the file.

    Raises:
        ValueError: No such file, or one that holds anything but tensors and what mmengine stores beside them.
    """
    if not Path(path).is_file():
        raise ValueError(f'checkpoint {path} is no file')
    try:
        with torch.serialization.safe_globals(_stored_by_mmengine()):
            checkpoint = torch.load(path, map_location='cpu', weights_only=True)
    except Exception as error:  # damaged files fail in every way that an unpickler can
        # torch wraps the reason into the advice to run the file's code after all.
        reason = (str(error.__context__ or error) or type(error).__name__).split('. ')[0].splitlines()[0]
        raise ValueError(f'checkpoint {path} is no weights file that torch can read safely: {reason}') from error
    if not isinstance(checkpoint, dict):
        raise ValueError(f'checkpoint {path} holds a {type(checkpoint).__name__}, not a dict of tensors')
    return checkpoint


_DTYPES = ('f4', 'f8', 'i4', 'i8', 'u4', 'b1')


def _stored_by_mmengine() -> list:
    """What the state of a training needs beside tensors: logged values, in numpy arrays."""
    multiarray = np._core.multiarray if hasattr(np, '_core') else np.core.multiarray
    allowed = [HistoryBuffer, multiarray._reconstruct, multiarray.scalar, np.ndarray]
    allowed += [type(np.dtype(name)) for name in _DTYPES]
    return [*allowed, (_plain_dtype, 'numpy.dtype'), (_statistic, 'builtins.getattr')]


def _plain_dtype(name: str, *_: Any) -> np.dtype:
    """Stands in for `np.dtype`, from which a file could forge one that reads foreign memory.

    The dtypes of numpy itself, which this returns, ignore what a file says of their state.
    """
    if name not in _DTYPES:
        raise pickle.UnpicklingError(f'asks for arrays of {name!r}')
    return np.dtype(name)


def _statistic(owner: Any, name: str) -> Any:
    """Stands in for `getattr`, with which a file could reach anything: gives the statistics of a `HistoryBuffer`."""
    if owner is not HistoryBuffer or name not in ('min', 'max', 'mean', 'current'):
        raise pickle.UnpicklingError(f'asks for {name!r} of {owner!r}')
    return getattr(owner, name)
