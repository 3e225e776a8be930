"""What becomes of the schedule of the learning rate when training resumes."""

import sys
import warnings
from collections import Counter
from collections.abc import Iterator
from typing import Any

from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.optim import OptimWrapper, OptimWrapperDict, _ParamScheduler
from mmengine.runner import Runner

from mmcrossformer.utils.errors import names

# What changes in a scheduler with each step.
_PROGRESS = ('_global_step', 'last_step', '_last_value')


class ResumedScheduleHook(Hook):
    """Reports a schedule in the checkpoint that differs from that of the config, or replaces it.

    mmengine restores the schedulers of the checkpoint with all of their settings, so that those of the config, such as
    a later end, have no effect. This is for runs that resume, in mmengine's `Runner`.

    Args:
        reset: Whether the schedule of the config is used: from the next iteration on, rates are those of a run that had
            it from the beginning. Else the checkpoint's is used, and a warning lists the differences.
    """

    def __init__(self, *, reset: bool) -> None:
        self.reset = reset
        self._initial: list[list[dict[str, Any]]] = []

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        """Compares the schedulers, or removes those of the checkpoint and stores the initial rates."""
        ours = dict(_named(runner.param_schedulers))
        if self.reset:
            checkpoint.pop('param_schedulers', None)
            scheduled = {'lr', 'betas', *(scheduler.param_name for scheduler in ours.values())}
            keys = scheduled | {f'initial_{name}' for name in scheduled}
            self._initial = [
                [{key: group[key] for key in keys if key in group} for group in wrapper.param_groups]
                for wrapper in _wrappers(runner)
            ]
            return
        differences = list(_compare(ours, dict(_named(checkpoint.get('param_schedulers')))))
        if differences and is_main_process():
            print(  # like the warnings of the check, before this
                'warning: the schedule of the checkpoint is used, and that of the config is not: '
                f'{"; ".join(differences)}. To use that of the config, add --reset-schedule',
                file=sys.stderr,
                flush=True,
            )

    def before_train(self, runner: Runner) -> None:
        """Restores the initial rates, which the optimizer of the checkpoint replaced, and repeats all steps so far."""
        if not self.reset or not self._initial:
            return
        for wrapper, groups in zip(_wrappers(runner), self._initial, strict=True):
            for group, values in zip(wrapper.param_groups, groups, strict=True):
                group.update(values)
        with warnings.catch_warnings():
            # Schedulers warn that the optimizer has made no step.
            warnings.simplefilter('ignore')
            _repeat([scheduler for _, scheduler in _named(runner.param_schedulers)], runner)
        runner.logger.info(f'the schedule of the config is used from iteration {runner.iter + 1} on')


def _repeat(schedulers: list[_ParamScheduler], runner: Runner) -> None:
    """Makes the steps that mmengine's `ParamSchedulerHook` makes up to the present iteration, in its order."""
    by_epoch = [scheduler for scheduler in schedulers if scheduler.by_epoch]
    by_iteration = [scheduler for scheduler in schedulers if not scheduler.by_epoch]
    epochs, length = 0, len(runner.train_dataloader)
    for iteration in range(1, runner.iter + 1):
        for scheduler in by_iteration:
            scheduler.step()
        if iteration % length == 0 and epochs < runner.epoch:
            epochs += 1
            for scheduler in by_epoch:
                scheduler.step()
    for _ in range(epochs, runner.epoch):  # the epochs of the earlier run were shorter
        for scheduler in by_epoch:
            scheduler.step()


def _named(schedulers: Any) -> Iterator[tuple[str, Any]]:
    """Yields schedulers, or their states, with their place: mmengine has a list, or lists by name of the optimizer."""
    for name, listed in (schedulers if isinstance(schedulers, dict) else {'': schedulers or []}).items():
        for i, scheduler in enumerate(listed):
            yield '.'.join(filter(None, ('param_scheduler', name, str(i)))), scheduler


def _wrappers(runner: Runner) -> list[OptimWrapper]:
    wrapper = runner.optim_wrapper
    return [*wrapper.values()] if isinstance(wrapper, OptimWrapperDict) else [wrapper]


def _compare(ours: dict[str, _ParamScheduler], theirs: dict[str, dict[str, Any]]) -> Iterator[str]:
    if len(ours) != len(theirs):
        yield f'it has {len(theirs)} schedulers, the config has {len(ours)}'
    for place, scheduler in ours.items():
        stored = theirs.get(place, {})
        for key, value in scheduler.state_dict().items():
            if key in stored and key not in _PROGRESS and stored[key] != value:
                yield f'{place}.{key} is {_shown(stored[key])} in the checkpoint and {_shown(value)} in the config'


def _shown(value: Any) -> str:
    values = sorted(value.elements()) if isinstance(value, Counter) else value
    if isinstance(values, list):
        return f'[{names([_shown(item) for item in values])}]'
    return f'{values:g}' if isinstance(values, float) else str(values)
