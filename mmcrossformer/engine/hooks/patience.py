"""Early stopping that a resumed training continues."""

from typing import Any

from mmengine.hooks import EarlyStoppingHook
from mmengine.runner import Runner

from mmcrossformer.registry import HOOKS

_STATE = 'patience'


@HOOKS.register_module()
class PatienceHook(EarlyStoppingHook):
    """mmengine's `EarlyStoppingHook` with its state in checkpoints; takes the same arguments.

    mmengine's hook starts to count anew when a training is resumed.
    """

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        """Adds the highest metric so far and the number of validations since."""
        checkpoint['meta'][_STATE] = dict(best_score=float(self.best_score), wait_count=self.wait_count)

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        """Restores them in a resumed training."""
        if runner._resume:
            state = checkpoint.get('meta', {}).get(_STATE)
            if state is not None:
                self.best_score, self.wait_count = state['best_score'], state['wait_count']
