"""Keeps the weights of the best validation."""

import math
from pathlib import Path
from typing import Any

import mmengine
import torch
from mmengine.dist import broadcast_object_list, is_main_process
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner, weights_to_cpu

from mmcrossformer.config.metrics import main_metric_of
from mmcrossformer.registry import HOOKS
from mmcrossformer.utils.errors import UserError, names
from mmcrossformer.utils.files import atomic_write
from mmcrossformer.utils.run import BEST, EARLIER_BEST
from mmcrossformer.utils.weights import inspect_checkpoint

_STATE = 'best'
_FULL = ('SingleDeviceStrategy', 'DDPStrategy', 'FSDPStrategy')


@HOOKS.register_module()
class BestHook(Hook):
    """Writes `best.pth` into the work directory when a validation has a higher metric than all before.

    The file has `state_dict`, the weights that were validated (with `EMAHook` the averaged ones), and `meta`, with the
    config, the classes and `best`: metric, value, epoch and iter. It has no state of the optimizer.

    The highest value so far is stored in checkpoints. A resumed training continues from it if `best.pth` is of that
    validation; otherwise, as in a new training, the next validation overwrites `best.pth`. So the best weights are
    always of the present training. Those of an earlier one in the folder become `earlier_best.pth`. NaN is never best.

    If the metric is not known, or a strategy splits the weights, the log says so and nothing is written.

    Args:
        metric: Name of the metric, higher is better; None for the main metric of the evaluators, if they are known.
    """

    # Before EMAHook takes the averaged weights out of the model.
    priority = 'HIGH'

    def __init__(self, metric: str | None = None) -> None:
        self.metric = metric
        self._best: dict[str, Any] | None = None
        self._trains = self._warned = False

    def before_train(self, runner: Runner) -> None:
        """Finds the metric; at the start of a training, moves the best weights of an earlier one out of the way."""
        if runner.iter == 0:
            self._move_earlier(runner)
        strategy = type(getattr(runner, 'strategy', None)).__name__
        if runner.val_loop is None:
            return
        if strategy not in ('NoneType', *_FULL):
            runner.logger.warning(f'no {BEST} is written: BestHook cannot gather the weights of {strategy}')
            return
        try:
            self.metric = self.metric or main_metric_of(runner.cfg)
            self._trains = True
        except UserError as error:
            runner.logger.warning(f'no {BEST} is written: {error}')

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Writes the weights if they are better than all before."""
        if not self._trains:
            return
        value = (metrics or {}).get(self.metric or '')
        if value is None:
            self._warn_once(runner, metrics or {})
        elif not math.isnan(value) and (self._best is None or value > self._best['value']):
            self._best = dict(metric=self.metric, value=float(value), epoch=runner.epoch, iter=runner.iter)
            self._write(runner)

    def after_train(self, runner: Runner) -> None:
        """Logs which validation was the best."""
        if self._best is not None:
            runner.logger.info(
                f'best weights: {Path(runner.work_dir) / BEST}, {self.metric} {self._best["value"]:.4g} in epoch '
                f'{self._best["epoch"]}, iteration {self._best["iter"]}'
            )

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        """Adds the highest value so far."""
        if self._best is not None:
            checkpoint['meta'][_STATE] = dict(self._best)

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        """Continues from the highest value, if its weights are there."""
        if not runner._resume:
            return
        best = checkpoint.get('meta', {}).get(_STATE)
        path = Path(runner.work_dir) / BEST
        try:
            same = path.is_file() and inspect_checkpoint(path).get('meta', {}).get(_STATE) == best
        except UserError:  # cannot be read: it is overwritten
            same = False
        agreed = [best if same else None]  # of the first process, which writes
        broadcast_object_list(agreed)
        self._best = agreed[0]

    def _move_earlier(self, runner: Runner) -> None:
        path = Path(runner.work_dir) / BEST
        if is_main_process() and path.is_file():
            path.replace(path.with_name(EARLIER_BEST))
            runner.logger.info(f'{path} of an earlier training is {EARLIER_BEST} now')

    def _warn_once(self, runner: Runner, metrics: dict[str, float]) -> None:
        if not self._warned:
            self._warned = True
            found = names([*metrics]) if metrics else 'nothing'
            runner.logger.warning(
                f'no {BEST} is written: the validation does not report {self.metric}, but {found}: set metric of '
                'BestHook in custom_hooks'
            )

    def _write(self, runner: Runner) -> None:
        strategy = getattr(runner, 'strategy', None)
        if strategy is not None:
            state = strategy.model_state_dict()  # all processes take part
        else:
            model = runner.model.module if is_model_wrapper(runner.model) else runner.model
            state = weights_to_cpu(model.state_dict())
        if not is_main_process():
            return
        assert self._best is not None
        meta = dict(
            cfg=runner.cfg.pretty_text,
            dataset_meta=getattr(runner.train_loop.dataloader.dataset, 'metainfo', {}),
            experiment_name=runner.experiment_name,
            mmengine_version=mmengine.__version__,
            epoch=self._best['epoch'],
            iter=self._best['iter'],
            best=self._best,
        )
        with atomic_write(Path(runner.work_dir) / BEST) as partial:
            torch.save(dict(state_dict=state, meta=meta), partial)
