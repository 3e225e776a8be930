"""Continues training when an image cannot be read."""

import logging
from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.runner import Runner
from torch import Tensor
from torch.utils.data import get_worker_info

from mmcrossformer.registry import HOOKS
from mmcrossformer.utils.errors import UserError


@HOOKS.register_module()
class SkipUnreadableHook(Hook):
    """Replaces unreadable images by others, counts them, and stops training when there are too many.

    Works with data loader workers started by fork, spawn or forkserver.

    Args:
        limit: How many times an image may be unreadable in a run.
    """

    def __init__(self, limit: int = 20) -> None:
        self.limit = limit
        self._counts = torch.zeros(1, dtype=torch.int64)

    def before_train(self, runner: Runner) -> None:
        """Wraps each step that loads images."""
        loader = runner.train_loop.dataloader
        # Workers of any kind share tensors in shared memory. Each has an element of its own, so no lock is needed;
        # without workers, this process uses the first.
        self._counts = torch.zeros(max(1, loader.num_workers), dtype=torch.int64).share_memory_()
        for pipeline in _pipelines(loader.dataset):
            pipeline.transforms = [
                _SkipUnreadable(step, self._counts) if type(step).__name__.startswith('LoadImage') else step
                for step in pipeline.transforms
            ]

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: dict | None = None
    ) -> None:
        """Stops at the limit.

        Raises:
            UserError: More images than allowed could not be read.
        """
        count = int(self._counts.sum())
        if count > self.limit:
            raise UserError(
                f'{count} times an image could not be read up to iteration {runner.iter + 1}, and '
                f'{self.limit} are allowed (limit of SkipUnreadableHook); the warnings above name them. '
                '`mmcrossformer check` lists all broken images'
            )


class _SkipUnreadable:
    """Wraps a loading step: after an error it returns None, and the data set takes another image.

    Args:
        step: The step.
        counts: Errors of each worker [N], in shared memory.
    """

    def __init__(self, step: Any, counts: Tensor) -> None:
        self.step, self.counts = step, counts

    def __call__(self, results: dict) -> dict | None:
        try:
            return self.step(results)
        except Exception as error:  # readers raise errors of many types
            worker = get_worker_info()
            self.counts[worker.id if worker else 0] += 1
            message = f'{results.get("img_path")} cannot be read, another image is used in its place: {error}'
            print_log(message, 'current', logging.WARNING)
            return None

    def __repr__(self) -> str:
        return repr(self.step)


def _pipelines(dataset: Any) -> list[Any]:
    """Returns the pipelines of a data set and of those that it wraps."""
    own = [dataset.pipeline] if hasattr(getattr(dataset, 'pipeline', None), 'transforms') else []
    inner = [*getattr(dataset, 'datasets', ()), *([dataset.dataset] if hasattr(dataset, 'dataset') else [])]
    return own + [pipeline for part in inner for pipeline in _pipelines(part)]
