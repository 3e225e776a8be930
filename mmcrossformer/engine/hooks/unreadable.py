"""Trainings go on when an image cannot be read."""

import logging
import multiprocessing
from typing import Any

from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.runner import Runner

from mmcrossformer.registry import HOOKS
from mmcrossformer.utils.errors import UserError


@HOOKS.register_module()
class SkipUnreadableHook(Hook):
    """Replaces images that cannot be read by others, counts them, and stops when there are too many.

    Args:
        limit: How many times a training may meet such images.
    """

    def __init__(self, limit: int = 20) -> None:
        self.limit = limit
        # Shared with the workers.
        self._count = multiprocessing.get_context('fork').Value('q', 0)

    def before_train(self, runner: Runner) -> None:
        """Puts a net under each loading step of the training."""
        for pipeline in _pipelines(runner.train_loop.dataloader.dataset):
            pipeline.transforms = [
                _Net(step, self._count) if type(step).__name__.startswith('LoadImage') else step
                for step in pipeline.transforms
            ]

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: dict | None = None
    ) -> None:
        """Stops at the limit.

        Raises:
            UserError: More images than allowed could not be read.
        """
        if self._count.value > self.limit:
            raise UserError(
                f'{self._count.value} times an image could not be read up to iteration {runner.iter + 1}, and '
                f'{self.limit} are allowed (limit of SkipUnreadableHook); the warnings above name them. '
                '`mmcrossformer check` lists all broken images'
            )


class _Net:
    """A loading step whose failure makes the data set take another image."""

    def __init__(self, step: Any, count: Any) -> None:
        self.step, self.count = step, count

    def __call__(self, results: dict) -> dict | None:
        try:
            return self.step(results)
        except Exception as error:  # readers fail in many ways, and the file is the cause
            with self.count.get_lock():
                self.count.value += 1
            message = f'{results.get("img_path")} cannot be read, another image takes its place: {error}'
            print_log(message, 'current', logging.WARNING)
            return None

    def __repr__(self) -> str:
        return repr(self.step)


def _pipelines(dataset: Any) -> list[Any]:
    """The pipelines of a data set and of those that it wraps."""
    own = [dataset.pipeline] if hasattr(getattr(dataset, 'pipeline', None), 'transforms') else []
    inner = [*getattr(dataset, 'datasets', ()), *([dataset.dataset] if hasattr(dataset, 'dataset') else [])]
    return own + [pipeline for part in inner for pipeline in _pipelines(part)]
