"""Optimizer wrapper constructors."""

from mmcrossformer.engine.optim.layer_decay import LayerDecayOptimWrapperConstructor

__all__ = ['LayerDecayOptimWrapperConstructor']
