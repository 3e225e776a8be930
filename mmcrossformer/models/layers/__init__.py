"""Layers of the backbones in plain torch: they know no registry and no config. `block` is imported by its own name."""

from mmcrossformer.models.layers.cat import PatchMerging, PositionBiasTable, PositionedEmbed
from mmcrossformer.models.layers.embed import CrossScaleEmbed
from mmcrossformer.models.layers.position_bias import DynamicPositionBias

__all__ = [
    'CrossScaleEmbed',
    'DynamicPositionBias',
    'PatchMerging',
    'PositionBiasTable',
    'PositionedEmbed',
]
