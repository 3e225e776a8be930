"""The names of official checkpoints, and those used here."""

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from torch import Tensor

from mmcrossformer.checkpoint.files import weights_of
from mmcrossformer.checkpoint.names import cat, crossformer
from mmcrossformer.checkpoint.names.rules import BUFFER
from mmcrossformer.checkpoint.position import as_map, as_tokens

T = TypeVar('T')


def convert_official(state_dict: Mapping[str, T]) -> dict[str, T]:
    """Renames the parameters of an official CrossFormer, CrossFormer++ or CAT file to those of the backbones here.

    The classifier's parameters are included under the names that they have in mmpretrain: its norm as `norm3` (of
    `CrossFormer(out_norm=True)`), its Linear as `head.fc`. The position encoding of CAT's classifiers, a row of tokens
    [1, N, C], becomes the map that its detectors have.

    Args:
        state_dict: Official names, bare or with the prefixes `module.` and `backbone.`. If any name starts with
            `backbone.`, only those count: the rest is the neck and the heads of a detector or segmenter.

    Returns:
        The same values under the names used here, without prefix. Buffers of old files are dropped.

    Raises:
        ValueError: A name that no official file has.
    """
    bare = {name.removeprefix('module.'): value for name, value in state_dict.items()}
    if any(name.startswith('backbone.') for name in bare):
        bare = {name.removeprefix('backbone.'): v for name, v in bare.items() if name.startswith('backbone.')}
    bare = {name: value for name, value in bare.items() if not BUFFER.fullmatch(name)}
    rules = cat.RULES if cat.is_cat(bare) else crossformer.RULES
    weights = _convert(bare, rules.to_here, f'of an official {rules.whose} checkpoint')
    if isinstance(position := weights.get(cat.POSITION), Tensor):
        weights[cat.POSITION] = as_map(position)
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
    rules = crossformer.RULES
    if cat.is_cat(state_dict):
        rules = cat.RULES if is_classifier else cat.RULES_OF_DETECTORS
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
    """Whether weights have the official names, bare or with the prefixes `module.` and `backbone.`."""
    return any(re.match(r'(module\.)?(backbone\.)?patch_embed\.', name) for name in weights)


def check_own_names(weights: Mapping[str, Any]) -> None:
    """Checks that weights have the names used here, bare or with the prefix `backbone.`.

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
