"""Backbones."""

from mmcrossformer.models.arch import ARCHS, PGS_SCHEDULES, Arch, progressive_group_sizes
from mmcrossformer.models.crossformer import CrossFormer

__all__ = ['ARCHS', 'PGS_SCHEDULES', 'Arch', 'CrossFormer', 'progressive_group_sizes']
