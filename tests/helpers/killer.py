"""A hook that kills its process, as a machine that fails does."""

import os
import signal
import threading

from mmengine.hooks import Hook
from mmengine.registry import HOOKS


@HOOKS.register_module()
class KillerHook(Hook):
    """Sends SIGKILL from another thread, at a moment that the environment names.

    KILL is 'step N', 'write N' or empty (never): DELAY seconds after the training ends its N-th iteration, or after it
    starts to write its N-th checkpoint.
    """

    def __init__(self):
        self.event, _, count = os.environ['KILL'].partition(' ')
        self.delay, self.left = float(os.environ.get('DELAY', 0)), int(count or 0)

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        self._count('step')

    def before_save_checkpoint(self, runner, checkpoint):
        self._count('write')

    def _count(self, event):
        self.left -= event == self.event
        if event == self.event and self.left == 0:
            threading.Timer(self.delay, lambda: os.kill(os.getpid(), signal.SIGKILL)).start()
