"""Layers of CrossFormer in plain torch: they know no registry and no config."""

from mmcrossformer.models.layers.attention import GroupAttention, attend
from mmcrossformer.models.layers.block import MLP, AmplitudeCooling, CrossFormerBlock, DropPath
from mmcrossformer.models.layers.embed import CrossScaleEmbed
from mmcrossformer.models.layers.grouping import (
    Grouping,
    GroupTensors,
    group,
    long_distance,
    relative_offsets,
    short_distance,
    ungroup,
)
from mmcrossformer.models.layers.position_bias import DynamicPositionBias

__all__ = [
    'MLP',
    'AmplitudeCooling',
    'CrossFormerBlock',
    'CrossScaleEmbed',
    'DropPath',
    'DynamicPositionBias',
    'GroupAttention',
    'GroupTensors',
    'Grouping',
    'attend',
    'group',
    'long_distance',
    'relative_offsets',
    'short_distance',
    'ungroup',
]
