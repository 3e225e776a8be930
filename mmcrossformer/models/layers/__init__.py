"""Layers of the backbones in plain torch: they know no registry and no config."""

from mmcrossformer.models.layers.attention import GroupAttention
from mmcrossformer.models.layers.block import MLP, AmplitudeCooling, AttentionBlock, CrossFormerBlock, DropPath
from mmcrossformer.models.layers.embed import CrossScaleEmbed, PatchMerging, PositionedEmbed
from mmcrossformer.models.layers.grouping import (
    LDA_SCOPES,
    Grouping,
    GroupRule,
    LDAScope,
    Windows,
    relative_offsets,
    split_axis,
)
from mmcrossformer.models.layers.patch_attention import CrossPatchAttention, InnerPatchAttention
from mmcrossformer.models.layers.plain_attention import group_attention
from mmcrossformer.models.layers.position_bias import DynamicPositionBias, PositionBiasTable

__all__ = [
    'LDA_SCOPES',
    'MLP',
    'AmplitudeCooling',
    'AttentionBlock',
    'CrossFormerBlock',
    'CrossPatchAttention',
    'CrossScaleEmbed',
    'DropPath',
    'DynamicPositionBias',
    'GroupAttention',
    'GroupRule',
    'Grouping',
    'InnerPatchAttention',
    'LDAScope',
    'PatchMerging',
    'PositionBiasTable',
    'PositionedEmbed',
    'Windows',
    'group_attention',
    'relative_offsets',
    'split_axis',
]
