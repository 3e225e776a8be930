"""Layers of CrossFormer in plain torch: they know no registry and no config."""

from mmcrossformer.models.layers.attention import GroupAttention
from mmcrossformer.models.layers.block import MLP, AmplitudeCooling, CrossFormerBlock, DropPath
from mmcrossformer.models.layers.embed import CrossScaleEmbed
from mmcrossformer.models.layers.grouping import Grouping, GroupRule, relative_offsets, split_axis
from mmcrossformer.models.layers.plain_attention import group_attention
from mmcrossformer.models.layers.position_bias import DynamicPositionBias

__all__ = [
    'MLP',
    'AmplitudeCooling',
    'CrossFormerBlock',
    'CrossScaleEmbed',
    'DropPath',
    'DynamicPositionBias',
    'GroupAttention',
    'GroupRule',
    'Grouping',
    'group_attention',
    'relative_offsets',
    'split_axis',
]
