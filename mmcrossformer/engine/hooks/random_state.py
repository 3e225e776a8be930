"""Random numbers that depend only on the seed, the rank and the iteration."""

import random
from functools import partial
from typing import Any

import numpy as np
import torch
from mmengine.dataset import worker_init_fn
from mmengine.dist import get_rank
from mmengine.hooks import CheckpointHook, Hook
from mmengine.runner import EpochBasedTrainLoop, Runner

from mmcrossformer.registry import HOOKS


@HOOKS.register_module()
class RandomStateHook(Hook):
    """Makes a killed and resumed run end with the same weights as an uninterrupted one.

    mmengine stores no random state, and random numbers of its workers depend on how long these have run. Here random
    numbers are seeded for each iteration, from the seed of the run, the rank and the iteration; workers are restarted
    with each epoch and, in loops without epochs, after each checkpoint.
    """

    # After the hook that saves, and after all hooks that draw random numbers.
    priority = 'LOWEST'

    def before_train_epoch(self, runner: Runner) -> None:
        """Seeds the loading of the first batch."""
        loader = runner.train_loop.dataloader
        loader.worker_init_fn = _worker_init_fn(runner, loader.num_workers, runner.iter)
        if loader.persistent_workers:
            loader._iterator = None  # torch has no public way to restart them
        _seed(runner, 'data', runner.iter)

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        """Seeds the forward pass."""
        seed_model(runner)

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: dict | None = None
    ) -> None:
        """Seeds the loading of the next batch."""
        if not isinstance(runner.train_loop, EpochBasedTrainLoop) and _is_saved(runner):
            _restart_data(runner, runner.iter + 1)
        _seed(runner, 'data', runner.iter + 1)

    def after_val(self, runner: Runner) -> None:
        """Seeds the loading of the next batch again: validation draws random numbers, too."""
        _seed(runner, 'data', runner.iter)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        """Warns if accumulated gradients are lost."""
        if any(parameter.grad is not None for parameter in runner.model.parameters()):
            runner.logger.warning(
                'this checkpoint is between two updates of the weights: accumulated gradients are not stored, and a '
                'resumed run starts without them. Save at multiples of optim_wrapper.accumulative_counts'
            )


def seed_model(runner: Runner) -> None:
    """Seeds the forward pass of the current iteration."""
    _seed(runner, 'model', runner.iter)


def _is_saved(runner: Runner) -> bool:
    """Whether a checkpoint is due after this iteration; all ranks must agree, and only one of them writes it."""
    hooks = [hook for hook in runner.hooks if isinstance(hook, CheckpointHook) and not hook.by_epoch]
    return any(hook.interval > 0 and (runner.iter + 1) % hook.interval == 0 for hook in hooks)


def _restart_data(runner: Runner, iteration: int) -> None:
    """Restarts data loading at an iteration, as a resumed run does."""
    loop = runner.train_loop
    if not hasattr(loop.dataloader.sampler, 'skip'):
        return  # cannot be resumed exactly anyway, and skipping would read the data twice
    loop.dataloader.worker_init_fn = _worker_init_fn(runner, loop.dataloader.num_workers, iteration)
    loop.dataloader_iterator = type(loop.dataloader_iterator)(loop.dataloader)
    loop.dataloader_iterator.skip_iter(iteration)


def _worker_init_fn(runner: Runner, num_workers: int, iteration: int) -> partial:
    return partial(worker_init_fn, num_workers=num_workers, rank=0, seed=_derive_seed(runner, 'workers', iteration))


def _seed(runner: Runner, what: str, iteration: int) -> None:
    seed = _derive_seed(runner, what, iteration)
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def _derive_seed(runner: Runner, what: str, iteration: int) -> int:
    """Returns an independent seed of 31 bits for each purpose, iteration and rank; workers add their number to it."""
    entropy = [runner.seed, get_rank(), *what.encode(), iteration]
    return int(np.random.SeedSequence(entropy).generate_state(1)[0] >> 1)
