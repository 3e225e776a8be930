"""Models at other resolutions than those of their configs."""

from mmcrossformer.engine.resolution.report import Point, Sweep
from mmcrossformer.engine.resolution.run import sweep

__all__ = ['Point', 'Sweep', 'sweep']
