"""Passes a few images through the pipelines and the preprocessor of the model, as training does."""

from mmcrossformer.engine.check.samples.check import check_samples

__all__ = ['check_samples']
