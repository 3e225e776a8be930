"""Backbones, and their variants as data."""

from mmcrossformer.models.arch import ARCHS, CAT_ARCHS, Arch, CrossFormerArch
from mmcrossformer.models.cat import CAT
from mmcrossformer.models.crossformer import CrossFormer
from mmcrossformer.models.pgs import PGS_SCHEDULES, progressive_group_sizes

__all__ = [
    'ARCHS',
    'CAT',
    'CAT_ARCHS',
    'PGS_SCHEDULES',
    'Arch',
    'CrossFormer',
    'CrossFormerArch',
    'progressive_group_sizes',
]
