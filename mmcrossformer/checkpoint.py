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

# Official name -> name here; what follows the match (`weight`, `bias`) is kept. The layer between two stages belongs to
# the later one. `norm` and `head` are the classifier's: the output norm of the last stage, mmpretrain's LinearClsHead.
_RULES: list[tuple[re.Pattern[str], Callable[[re.Match[str]], str]]] = [
    (re.compile(pattern), rename)
    for pattern, rename in (
        (r'patch_embed\.projs\.(\d)\.', lambda m: f'stages.0.embed.convs.{m[1]}.'),
        (r'patch_embed\.norm\.', lambda m: 'stages.0.embed.norm.'),
        (r'layers\.(\d)\.downsample\.reductions\.(\d)\.', lambda m: f'stages.{int(m[1]) + 1}.embed.convs.{m[2]}.'),
        (r'layers\.(\d)\.downsample\.norm\.', lambda m: f'stages.{int(m[1]) + 1}.embed.norm.'),
        (_BLOCK + r'(norm[12]|attn\.qkv|attn\.proj|mlp\.fc[12])\.', lambda m: f'stages.{m[1]}.blocks.{m[2]}.{m[3]}.'),
        (_BLOCK + r'attn\.pos\.pos_proj\.', lambda m: f'stages.{m[1]}.blocks.{m[2]}.attn.pos_bias.proj.'),
        (
            _BLOCK + r'attn\.pos\.pos([123])\.([02])\.',
            lambda m: f'stages.{m[1]}.blocks.{m[2]}.attn.pos_bias.layers.{int(m[3]) - 1}.{m[4]}.',
        ),
        (_BLOCK + r'ex_conv\.', lambda m: f'stages.{m[1]}.blocks.{m[2]}.cooling.conv.'),
        (_BLOCK + r'ex_ln\.', lambda m: f'stages.{m[1]}.blocks.{m[2]}.cooling.norm.'),
        (r'norm\.', lambda m: 'norm3.'),
        (r'head\.', lambda m: 'head.fc.'),
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
        renamed = next((rename(m) + name[m.end() :] for rule, rename in _RULES if (m := rule.match(name))), None)
        if renamed is None:
            unknown.append(name)
        else:
            converted[renamed] = value
    if unknown:
        raise ValueError(
            f'{len(unknown)} of {len(bare)} names are not those of an official CrossFormer checkpoint: '
            f'{", ".join(unknown[:5])}{", ..." if len(unknown) > 5 else ""}'
        )
    return converted


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
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError) as error:
        # torch wraps the reason into the advice to run the file's code after all.
        reason = (str(error.__context__ or error) or type(error).__name__).split('. ')[0].splitlines()[0]
        raise ValueError(f'checkpoint {path} is no weights file that torch can read safely: {reason}') from error
    if not isinstance(checkpoint, dict):
        raise ValueError(f'checkpoint {path} holds a {type(checkpoint).__name__}, not a dict of tensors')
    return checkpoint


def _stored_by_mmengine() -> list:
    """What the state of a training needs beside tensors: logged values, in numpy arrays."""
    multiarray = np._core.multiarray if hasattr(np, '_core') else np.core.multiarray
    dtypes = [type(np.dtype(kind)) for kind in (np.float32, np.float64, np.int64, np.uint32)]
    allowed = [HistoryBuffer, np.ndarray, np.dtype, multiarray._reconstruct, multiarray.scalar, *dtypes]
    return [*allowed, (_statistic, 'builtins.getattr')]


def _statistic(owner: Any, name: str) -> Any:
    """Stands in for `getattr`, with which a file could reach anything: gives the statistics of a `HistoryBuffer`."""
    if owner is not HistoryBuffer or name not in ('min', 'max', 'mean', 'current'):
        raise pickle.UnpicklingError(f'asks for {name!r} of {owner!r}')
    return getattr(owner, name)
