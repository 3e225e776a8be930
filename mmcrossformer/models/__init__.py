"""Backbones, and a classifier that trains them at several resolutions."""

from mmcrossformer.models.arch import ARCHS, PGS_SCHEDULES, Arch, progressive_group_sizes
from mmcrossformer.models.builders import multi_resolution_classifier
from mmcrossformer.models.crossformer import CrossFormer

__all__ = ['ARCHS', 'PGS_SCHEDULES', 'Arch', 'CrossFormer', 'multi_resolution_classifier', 'progressive_group_sizes']
