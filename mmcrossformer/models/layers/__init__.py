"""Layers of the backbones in plain torch: they know no registry and no config."""

from mmcrossformer.models.layers.attention import BACKENDS, Backend, GroupAttention, choose, force_backend
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
    'BACKENDS',
    'LDA_SCOPES',
    'MLP',
    'AmplitudeCooling',
    'AttentionBlock',
    'Backend',
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
    'choose',
    'force_backend',
    'group_attention',
    'relative_offsets',
    'split_axis',
]
