"""A hook that kills its process, as a machine that fails does."""

import os
import signal
import threading

from mmengine.hooks import Hook
from mmengine.registry import HOOKS


@HOOKS.register_module()
class KillerHook(Hook):
    """Sends SIGKILL from another thread, at a moment that the environment names.

    KILL is 'train', 'write N' or empty (never): DELAY seconds after the training starts, or after it starts to write
    its N-th checkpoint.
    """

    def __init__(self):
        self.event, _, count = os.environ['KILL'].partition(' ')
        self.delay, self.left = float(os.environ.get('DELAY', 0)), int(count or 0)

    def before_train(self, runner):
        if self.event == 'train':
            self._arm()

    def before_save_checkpoint(self, runner, checkpoint):
        self.left -= 1
        if self.left == 0:
            self._arm()

    def _arm(self):
        threading.Timer(self.delay, lambda: os.kill(os.getpid(), signal.SIGKILL)).start()
