"""The names of official checkpoints, and those used here."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from torch import Tensor

from mmcrossformer.checkpoint.files import weights_of
from mmcrossformer.checkpoint.position import as_map, as_tokens

T = TypeVar('T')
# Numbers of a name that change on the way: the one here is factor * official + offset.
Numbers = dict[str, tuple[int, int]]
Names = Sequence[tuple[str, str, Numbers]]

# Official name of a layer, name here, numbers that change; the first that fits counts. The layer between two stages
# belongs to the later one. `norm` and `head` are the classifiers': the output norm of the last stage, mmpretrain's
# LinearClsHead.
_LATER_STAGE = dict(stage=(1, 1))
_PARTS = ('norm1', 'norm2', 'attn.qkv', 'attn.proj', 'mlp.fc1', 'mlp.fc2')
_OFFICIAL_BLOCK, _BLOCK = 'layers.{stage}.blocks.{block}.', 'stages.{stage}.blocks.{block}.'
_COMMON: Names = [
    ('patch_embed.norm', 'stages.0.embed.norm', {}),
    ('layers.{stage}.downsample.norm', 'stages.{stage}.embed.norm', _LATER_STAGE),
    ('norm', 'norm3', {}),
    ('head', 'head.fc', {}),
]
_CROSSFORMER: Names = [
    ('patch_embed.projs.{k}', 'stages.0.embed.convs.{k}', {}),
    ('layers.{stage}.downsample.reductions.{k}', 'stages.{stage}.embed.convs.{k}', _LATER_STAGE),
    *((f'{_OFFICIAL_BLOCK}{part}', f'{_BLOCK}{part}', {}) for part in _PARTS),
    (f'{_OFFICIAL_BLOCK}attn.pos.pos_proj', f'{_BLOCK}attn.pos_bias.proj', {}),
    (
        f'{_OFFICIAL_BLOCK}attn.pos.pos{{layer}}.{{k}}',
        f'{_BLOCK}attn.pos_bias.layers.{{layer}}.{{k}}',
        dict(layer=(1, -1)),
    ),
    (f'{_OFFICIAL_BLOCK}ex_conv', f'{_BLOCK}cooling.conv', {}),
    (f'{_OFFICIAL_BLOCK}ex_ln', f'{_BLOCK}cooling.norm', {}),
    *_COMMON,
]

# The blocks of a round of CAT in their order; a stage counts them through.
_ROUND = ('pre_ipsa_blocks', 'cpsa_blocks', 'post_ipsa_blocks')
_POSITION = 'stages.0.embed.position'
_NORM_OF_OUTPUT: tuple[str, str, Numbers] = ('norm{i}', 'norm{i}', {})
_CAT: Names = [
    ('patch_embed.proj', 'stages.0.embed.convs.0', {}),
    ('layers.{stage}.downsample.reduction', 'stages.{stage}.embed.reduction', _LATER_STAGE),
    *(
        (f'layers.{{stage}}.{blocks}.{{block}}.{part}', f'{_BLOCK}{part}', dict(block=(len(_ROUND), place)))
        for place, blocks in enumerate(_ROUND)
        for part in _PARTS
    ),
    *_COMMON,
    _NORM_OF_OUTPUT,
]
# The same for parameters that are no part of a layer.
_PARAMETERS_OF_CAT: Names = [
    ('ape', _POSITION, {}),
    *(
        (
            f'layers.{{stage}}.{blocks}.{{block}}.attn.relative_position_bias_table',
            f'{_BLOCK}attn.pos_bias.table',
            dict(block=(len(_ROUND), place)),
        )
        for place, blocks in enumerate(_ROUND)
    ),
]

# Names that only a CAT has, official and here.
_OF_CAT = re.compile(r'ape|.*[ic]psa_blocks.*|stages\..*(embed\.(position|reduction\.weight)|attn\.pos_bias\.table)')
# Masks and position indices in official files: both are computed here.
_BUFFER = re.compile(r'layers\.\d\.\w*blocks\.\d+\.(attn\.biases|attn\.relative_position_index|attn_mask)')


def _pattern(name: str) -> re.Pattern[str]:
    """What a name matches: its `{kind}` stands for weight or bias, all else in braces for numbers."""
    name = re.escape(name).replace(r'\{kind\}', '(?P<kind>weight|bias)')
    return re.compile(re.sub(r'\\{(\w+)\\}', r'(?P<\1>\\d+)', name))


class _Rules:
    """How the names of a backbone change, in both directions.

    Args:
        whose: Name of the backbone.
        layers: Names of layers, of which each has a weight or a bias.
        parameters: Names of parameters.
    """

    def __init__(self, whose: str, layers: Names, parameters: Names = ()) -> None:
        self.whose = whose
        names = [*parameters, *((f'{official}.{{kind}}', f'{here}.{{kind}}', n) for official, here, n in layers)]
        self._names = [
            (_pattern(official), _pattern(here), official, here, numbers) for official, here, numbers in names
        ]

    def to_here(self, name: str) -> str | None:
        """Name here of an official one; None for one that no official file has."""
        for pattern, _, _, here, numbers in self._names:
            match = pattern.fullmatch(name)
            if match:
                changed = {key: factor * int(match[key]) + offset for key, (factor, offset) in numbers.items()}
                return here.format(**match.groupdict() | changed)
        return None

    def to_official(self, name: str) -> str | None:
        """Official name of one here; None for one that has none."""
        for _, pattern, official, _, numbers in self._names:
            match = pattern.fullmatch(name)
            if match:
                changed = {key: divmod(int(match[key]) - offset, factor) for key, (factor, offset) in numbers.items()}
                if not any(rest for _, rest in changed.values()):
                    fields = match.groupdict() | {key: number for key, (number, _) in changed.items()}
                    return official.format(**fields)
        return None


_RULES = _Rules('CrossFormer', _CROSSFORMER)
_RULES_OF_CAT = _Rules('CAT', _CAT, _PARAMETERS_OF_CAT)
# Detectors with CAT have a norm for each output, classifiers the one of the last: `norm3` has two official names.
_RULES_OF_CAT_DETECTORS = _Rules('CAT', [_NORM_OF_OUTPUT, *_CAT], _PARAMETERS_OF_CAT)


def _is_cat(weights: Mapping[str, Any]) -> bool:
    return any(map(_OF_CAT.fullmatch, weights))


def convert_official(state_dict: Mapping[str, T]) -> dict[str, T]:
    """Renames the parameters of an official CrossFormer, CrossFormer++ or CAT file to those of the backbones here.

    The classifier's parameters come along under the names that they have in mmpretrain: its norm as `norm3` (of
    `CrossFormer(out_norm=True)`), its Linear as `head.fc`. The position encoding of CAT's classifiers, a row of tokens
    [1, N, C], becomes the map that its detectors have.

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
    rules = _RULES_OF_CAT if _is_cat(bare) else _RULES
    weights = _convert(bare, rules.to_here, f'of an official {rules.whose} checkpoint')
    if isinstance(position := weights.get(_POSITION), Tensor):
        weights[_POSITION] = as_map(position)
    return weights


def to_official(state_dict: Mapping[str, T]) -> dict[str, T]:
    """Renames the parameters of a backbone to those of official files; the inverse of `convert_official`.

    Args:
        state_dict: Names used here, without prefix.

    Returns:
        The same values under official names.

    Raises:
        ValueError: A name that has no official one, such as the output norms of detectors.
    """
    is_classifier = any(name.startswith('head.fc.') for name in state_dict)
    rules = _RULES
    if _is_cat(state_dict):
        rules = _RULES_OF_CAT if is_classifier else _RULES_OF_CAT_DETECTORS
    weights = _convert(state_dict, rules.to_official, f'of a {rules.whose} that official files can hold')
    if is_classifier and isinstance(position := weights.get('ape'), Tensor):
        weights['ape'] = as_tokens(position)
    return weights


def _convert(weights: Mapping[str, Any], rename: Callable[[str], str | None], whose: str) -> dict[str, Any]:
    renamed = {name: rename(name) for name in weights}
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
        raise ValueError(
            f'the checkpoint holds no CrossFormer and no CAT: its names are {", ".join(list(weights)[:3])}, ...'
        )


def backbone_weights(checkpoint: Mapping[str, Any]) -> dict[str, Any]:
    """Takes the backbone's weights out of a checkpoint, official or of this project, of a backbone or a whole model.

    Raises:
        ValueError: The checkpoint holds no weights of a backbone of this package.
    """
    weights = weights_of(checkpoint)
    if is_official(weights):
        return convert_official(weights)
    check_own_names(weights)
    bare = {name.removeprefix('backbone.'): value for name, value in weights.items()}
    return {name: value for name, value in bare.items() if name.startswith(('stages.', 'norm'))}
