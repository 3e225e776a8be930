"""Draws the curves of a training run."""

from pathlib import Path

from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmcrossformer.registry import HOOKS
from mmcrossformer.utils.curves import Curves, plot_curves, read_curves


@HOOKS.register_module()
class CurvesHook(Hook):
    """Writes `curves.png` into the work directory after each epoch and validation, and at the end of training."""

    priority = 'LOWEST'

    def __init__(self) -> None:
        self._drawn: Curves | None = None

    def after_train_epoch(self, runner: Runner) -> None:
        """Draws the curves so far."""
        self._draw(runner)

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Draws the curves so far."""
        self._draw(runner)

    def after_train(self, runner: Runner) -> None:
        """Draws the curves of the whole run."""
        self._draw(runner)

    def _draw(self, runner: Runner) -> None:
        if is_main_process():
            curves = read_curves(runner.work_dir)
            if curves.losses and curves != self._drawn:
                plot_curves(curves, Path(runner.work_dir) / 'curves.png', title=runner.experiment_name)
                self._drawn = curves
