"""Backbones, and a classifier that trains them at several resolutions."""

from mmcrossformer.models.arch import ARCHS, CAT_ARCHS, Arch, CrossFormerArch
from mmcrossformer.models.builders import multi_resolution_classifier
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
    'multi_resolution_classifier',
    'progressive_group_sizes',
]
