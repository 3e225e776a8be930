"""Layers of the backbones in plain torch: they know no registry and no config. `block` is imported by its own name."""

from mmcrossformer.models.layers.embed import CrossScaleEmbed, PatchMerging, PositionedEmbed
from mmcrossformer.models.layers.position_bias import DynamicPositionBias, PositionBiasTable

__all__ = [
    'CrossScaleEmbed',
    'DynamicPositionBias',
    'PatchMerging',
    'PositionBiasTable',
    'PositionedEmbed',
]
