"""A hook that spoils the input of one process."""

import torch
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.registry import HOOKS


@HOOKS.register_module()
class PoisonHook(Hook):
    """Gives the second process images that are no numbers, in the second iteration."""

    priority = 'VERY_HIGH'

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if get_rank() == 1 and runner.iter == 1:
            data_batch['inputs'] = [
                torch.full_like(image, torch.nan, dtype=torch.float32) for image in data_batch['inputs']
            ]
