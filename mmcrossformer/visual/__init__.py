"""Matplotlib figures of predictions and of the inner workings of CrossFormer."""

from mmcrossformer.visual.filters import draw_filters
from mmcrossformer.visual.groups import draw_group, draw_groups
from mmcrossformer.visual.placement import Placement
from mmcrossformer.visual.position_bias import draw_offsets, draw_position_bias
from mmcrossformer.visual.predictions import draw_objects, draw_predictions
from mmcrossformer.visual.probe import TokenAttention, probe
from mmcrossformer.visual.pyramid import draw_pyramid
from mmcrossformer.visual.style import save

__all__ = [
    'Placement',
    'TokenAttention',
    'draw_filters',
    'draw_group',
    'draw_groups',
    'draw_objects',
    'draw_offsets',
    'draw_position_bias',
    'draw_predictions',
    'draw_pyramid',
    'probe',
    'save',
]
