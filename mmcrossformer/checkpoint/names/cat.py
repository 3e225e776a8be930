"""The names of CAT."""

import re
from collections.abc import Mapping
from typing import Any

from mmcrossformer.checkpoint.names.rules import (
    BLOCK,
    COMMON,
    LATER_STAGE,
    PARTS,
    Names,
    Numbers,
    Rules,
)

# The blocks of a round of CAT in their order; a stage counts them through.
_ROUND = ('pre_ipsa_blocks', 'cpsa_blocks', 'post_ipsa_blocks')
POSITION = 'stages.0.embed.position'
_NORM_OF_OUTPUT: tuple[str, str, Numbers] = ('norm{i}', 'norm{i}', {})
_CAT: Names = [
    ('patch_embed.proj', 'stages.0.embed.convs.0', {}),
    ('layers.{stage}.downsample.reduction', 'stages.{stage}.embed.reduction', LATER_STAGE),
    *(
        (f'layers.{{stage}}.{blocks}.{{block}}.{part}', f'{BLOCK}{part}', dict(block=(len(_ROUND), place)))
        for place, blocks in enumerate(_ROUND)
        for part in PARTS
    ),
    *COMMON,
    _NORM_OF_OUTPUT,
]
# The same for parameters that are no part of a layer.
_PARAMETERS_OF_CAT: Names = [
    ('ape', POSITION, {}),
    *(
        (
            f'layers.{{stage}}.{blocks}.{{block}}.attn.relative_position_bias_table',
            f'{BLOCK}attn.pos_bias.table',
            dict(block=(len(_ROUND), place)),
        )
        for place, blocks in enumerate(_ROUND)
    ),
]
# Names that only a CAT has, official and here.
_OF_CAT = re.compile(r'ape|.*[ic]psa_blocks.*|stages\..*(embed\.(position|reduction\.weight)|attn\.pos_bias\.table)')
RULES = Rules('CAT', _CAT, _PARAMETERS_OF_CAT)
# Detectors with CAT have a norm for each output, classifiers the one of the last: `norm3` has two official names.
RULES_OF_DETECTORS = Rules('CAT', [_NORM_OF_OUTPUT, *_CAT], _PARAMETERS_OF_CAT)


def is_cat(weights: Mapping[str, Any]) -> bool:
    """Whether weights have names that only a CAT has, official ones or those used here."""
    return any(map(_OF_CAT.fullmatch, weights))
