"""Uses a config with the user's own data."""

from mmcrossformer.config.own_data.coco import use_own_coco
from mmcrossformer.config.own_data.found import use_found

__all__ = ['use_found', 'use_own_coco']
