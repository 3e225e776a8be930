"""Strategies of mmengine's `FlexibleRunner`: how a model is distributed over processes."""

from mmcrossformer.engine.strategies.fsdp import FSDPStrategy, wrap_crossformer_blocks

__all__ = ['FSDPStrategy', 'wrap_crossformer_blocks']
