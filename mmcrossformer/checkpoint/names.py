"""The names of official checkpoints, and those used here."""

import re
from collections.abc import Mapping
from typing import Any, TypeVar

from mmcrossformer.checkpoint.files import weights_of

T = TypeVar('T')

# Buffers of older official files: masks and position indices are computed here.
_BUFFER = re.compile(r'layers\.\d\.blocks\.\d+\.(attn\.biases|attn\.relative_position_index|attn_mask)')

_OFFICIAL_BLOCK, _BLOCK = 'layers.{stage}.blocks.{block}.', 'stages.{stage}.blocks.{block}.'

# Official name, name here, and what is added to a number on the way; all without the last part (`weight`, `bias`). The
# layer between two stages belongs to the later one. `norm` and `head` are the classifier's: the output norm of the last
# stage, mmpretrain's LinearClsHead.
_NAMES: list[tuple[str, str, dict[str, int]]] = [
    ('patch_embed.projs.{k}', 'stages.0.embed.convs.{k}', {}),
    ('patch_embed.norm', 'stages.0.embed.norm', {}),
    ('layers.{stage}.downsample.reductions.{k}', 'stages.{stage}.embed.convs.{k}', dict(stage=1)),
    ('layers.{stage}.downsample.norm', 'stages.{stage}.embed.norm', dict(stage=1)),
    *(
        (f'{_OFFICIAL_BLOCK}{part}', f'{_BLOCK}{part}', {})
        for part in ('norm1', 'norm2', 'attn.qkv', 'attn.proj', 'mlp.fc1', 'mlp.fc2')
    ),
    (f'{_OFFICIAL_BLOCK}attn.pos.pos_proj', f'{_BLOCK}attn.pos_bias.proj', {}),
    (f'{_OFFICIAL_BLOCK}attn.pos.pos{{layer}}.{{k}}', f'{_BLOCK}attn.pos_bias.layers.{{layer}}.{{k}}', dict(layer=-1)),
    (f'{_OFFICIAL_BLOCK}ex_conv', f'{_BLOCK}cooling.conv', {}),
    (f'{_OFFICIAL_BLOCK}ex_ln', f'{_BLOCK}cooling.norm', {}),
    ('norm', 'norm3', {}),
    ('head', 'head.fc', {}),
]


def _pattern(name: str) -> re.Pattern[str]:
    return re.compile(re.sub(r'\\{(\w+)\\}', r'(?P<\1>\\d+)', re.escape(name)) + r'\.(?P<kind>weight|bias)')


_TO_HERE = [(_pattern(official), f'{here}.{{kind}}', shift) for official, here, shift in _NAMES]
_TO_OFFICIAL = [
    (_pattern(here), f'{official}.{{kind}}', {key: -value for key, value in shift.items()})
    for official, here, shift in _NAMES
]


def _rename(name: str, rules: list[tuple[re.Pattern[str], str, dict[str, int]]]) -> str | None:
    for pattern, renamed, shift in rules:
        match = pattern.fullmatch(name)
        if match:
            fields = match.groupdict() | {key: int(match[key]) + value for key, value in shift.items()}
            return renamed.format(**fields)
    return None


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
    bare = {name: value for name, value in bare.items() if not _BUFFER.fullmatch(name)}
    return _convert(bare, _TO_HERE, 'of an official CrossFormer checkpoint')


def to_official(state_dict: Mapping[str, T]) -> dict[str, T]:
    """Renames the parameters of a backbone to those of official files; the inverse of `convert_official`.

    Args:
        state_dict: Names used here, without prefix.

    Returns:
        The same values under official names.

    Raises:
        ValueError: A name that has no official one, such as the output norms of detectors.
    """
    return _convert(state_dict, _TO_OFFICIAL, 'of a CrossFormer that official files can hold')


def _convert(
    weights: Mapping[str, T], rules: list[tuple[re.Pattern[str], str, dict[str, int]]], whose: str
) -> dict[str, T]:
    renamed = {name: _rename(name, rules) for name in weights}
    unknown = [name for name, new in renamed.items() if new is None]
    if unknown:
        some = f'{", ".join(unknown[:5])}{", ..." if len(unknown) > 5 else ""}'
        raise ValueError(f'{len(unknown)} of {len(weights)} names are not those {whose}: {some}')
    if not weights:
        raise ValueError(f'no name is one {whose}')
    return {str(renamed[name]): value for name, value in weights.items()}


def is_official(weights: Mapping[str, Any]) -> bool:
    """Whether weights have the official names, bare or behind `module.` and `backbone.`."""
    return any(re.match(r'(module\.)?(backbone\.)?patch_embed\.', name) for name in weights)


def check_own_names(weights: Mapping[str, Any]) -> None:
    """Checks that weights have the names used here, bare or behind `backbone.`.

    Raises:
        ValueError: They have not.
    """
    if not any(name.removeprefix('backbone.').startswith('stages.0.embed.') for name in weights):
        raise ValueError(f'the checkpoint holds no CrossFormer: its names are {", ".join(list(weights)[:3])}, ...')


def backbone_weights(checkpoint: Mapping[str, Any]) -> dict[str, Any]:
    """Takes the backbone's weights out of a checkpoint, official or of this project, of a backbone or a whole model.

    Raises:
        ValueError: The checkpoint holds no weights of a CrossFormer.
    """
    weights = weights_of(checkpoint)
    if is_official(weights):
        return convert_official(weights)
    check_own_names(weights)
    bare = {name.removeprefix('backbone.'): value for name, value in weights.items()}
    return {name: value for name, value in bare.items() if name.startswith(('stages.', 'norm'))}
