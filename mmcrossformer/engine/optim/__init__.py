"""How the parameters of a model are optimized."""

from mmcrossformer.engine.optim.layer_decay import LayerDecayOptimWrapperConstructor

__all__ = ['LayerDecayOptimWrapperConstructor']
