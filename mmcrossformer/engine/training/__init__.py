"""A training from its config and options to its end, as `mmcrossformer train` and `mmcrossformer.apis.train` run it."""

from mmcrossformer.engine.training.options import TrainOptions
from mmcrossformer.engine.training.train import run_job, train

__all__ = ['TrainOptions', 'run_job', 'train']
