"""Validates a resumed training where a validation is due."""

from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import EpochBasedTrainLoop, Runner

from mmcrossformer.registry import HOOKS


@HOOKS.register_module()
class MissedValidationHook(Hook):
    """Runs the validation that follows the checkpoint of a resumed training.

    mmengine saves before it validates, and a resumed training goes on after the validation. What depends on its metric,
    such as the best weights, early stopping and `ReduceOnPlateau`, would miss it.
    """

    # After all hooks that prepare for training.
    priority = 'LOWEST'

    def before_train(self, runner: Runner) -> None:
        """Validates if the training was resumed and a validation is due."""
        loop: Any = runner.train_loop
        if not runner._resume or runner.val_loop is None or runner.iter == 0:
            return
        loop._decide_current_val_interval()
        by_epoch = isinstance(loop, EpochBasedTrainLoop)
        done, last = (runner.epoch, runner.max_epochs) if by_epoch else (runner.iter, runner.max_iters)
        if done >= loop.val_begin and (done % loop.val_interval == 0 or done == last):
            runner.val_loop.run()
