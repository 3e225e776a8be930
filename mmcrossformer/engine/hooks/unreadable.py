"""Trainings go on when an image cannot be read."""

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
    """Replaces images that cannot be read by others, counts them, and stops when there are too many.

    The count holds however the workers that load data are started: by fork, spawn or forkserver.

    Args:
        limit: How many times a training may meet such images.
    """

    def __init__(self, limit: int = 20) -> None:
        self.limit = limit
        self._counts = torch.zeros(1, dtype=torch.int64)

    def before_train(self, runner: Runner) -> None:
        """Puts a net under each loading step of the training."""
        loader = runner.train_loop.dataloader
        # Tensors in shared memory reach workers of any kind. Each adds to a place of its own, so no lock is needed;
        # without workers, this process takes the first.
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
    """A loading step whose failure makes the data set take another image.

    Args:
        step: The step.
        counts: Failures of each worker [N], in shared memory.
    """

    def __init__(self, step: Any, counts: Tensor) -> None:
        self.step, self.counts = step, counts

    def __call__(self, results: dict) -> dict | None:
        try:
            return self.step(results)
        except Exception as error:  # readers fail in many ways, and the file is the cause
            worker = get_worker_info()
            self.counts[worker.id if worker else 0] += 1
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
