"""A progress bar with rate, loss and time left."""

import atexit
import logging
import sys
from collections.abc import Sequence

from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner
from rich.console import Console
from rich.file_proxy import FileProxy
from rich.progress import Progress, TaskID, TextColumn

from mmcrossformer.registry import HOOKS
from mmcrossformer.utils.progress import new_progress


@HOOKS.register_module()
class ProgressHook(Hook):
    """Shows progress bars of training, validation and testing on a terminal; log lines scroll above them.

    Without a terminal it does nothing: mmengine's log lines contain the time left.
    """

    priority = 'VERY_LOW'

    def __init__(self) -> None:
        self.progress: Progress | None = None
        self.tasks: dict[str, TaskID] = {}

    def before_run(self, runner: Runner) -> None:
        """Starts the display and sends the logger's lines through it."""
        console = Console(stderr=True)
        # The display captures both streams; a stream that is redirected to a file must get all of its lines.
        if not (console.is_terminal and sys.stdout.isatty() and is_main_process()):
            return
        self.progress = new_progress(console, TextColumn('{task.fields[status]}'))
        self.progress.start()
        # After an error nothing else restores the cursor.
        atexit.register(self.progress.stop)
        for handler in runner.logger.handlers:
            if isinstance(handler, logging.StreamHandler) and not isinstance(handler, logging.FileHandler):
                handler.setStream(FileProxy(console, handler.stream))

    def after_run(self, runner: Runner) -> None:
        """Ends the display."""
        if self.progress is not None:
            self.progress.stop()

    def before_train(self, runner: Runner) -> None:
        """Shows training, from where it resumes."""
        self._show('train', runner.max_iters, runner.iter)

    def before_val(self, runner: Runner) -> None:
        """Shows validation."""
        self._show('val', len(runner.val_dataloader))

    def before_test(self, runner: Runner) -> None:
        """Shows testing."""
        self._show('test', len(runner.test_dataloader))

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict | None = None, outputs: dict | None = None
    ) -> None:
        """Advances training."""
        loss = (outputs or {}).get('loss')
        self._advance('train', '' if loss is None else f'loss {float(loss.detach()):.3f}')

    def after_val_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict | None = None, outputs: Sequence | None = None
    ) -> None:
        """Advances validation."""
        self._advance('val')

    def after_test_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict | None = None, outputs: Sequence | None = None
    ) -> None:
        """Advances testing."""
        self._advance('test')

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Hides the bar of the finished validation."""
        if self.progress is not None and 'val' in self.tasks:
            self.progress.remove_task(self.tasks.pop('val'))

    def _show(self, name: str, total: int, completed: int = 0) -> None:
        if self.progress is not None and name not in self.tasks:
            self.tasks[name] = self.progress.add_task(name, total=total, completed=completed, status='')

    def _advance(self, name: str, status: str = '') -> None:
        if self.progress is not None and name in self.tasks:
            self.progress.update(self.tasks[name], advance=1, status=status)
