"""Strategies of mmengine's `FlexibleRunner`: how processes share a model."""

from mmcrossformer.engine.strategies.fsdp import FSDPStrategy, wrap_crossformer_blocks

__all__ = ['FSDPStrategy', 'wrap_crossformer_blocks']
