"""A page with training pictures, classes and findings, before the first step."""

from mmcrossformer.engine.preview.page import write_preview

__all__ = ['write_preview']
