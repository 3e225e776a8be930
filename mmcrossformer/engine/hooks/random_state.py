"""Random numbers that depend on the seed and on how far a training is, and on nothing else."""

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
    """Makes a training that was killed and resumed end as if it had never been.

    mmengine stores no random state, and what its workers draw depends on how long they have lived. Here random numbers
    are seeded anew for each iteration, from the seed of the training, the rank and the number of the iteration; workers
    start anew with each epoch and, in loops without epochs, behind each checkpoint.
    """

    # Behind the hook that saves, and behind all that draw random numbers themselves.
    priority = 'LOWEST'

    def before_train_epoch(self, runner: Runner) -> None:
        """Seeds what the first batch draws."""
        loader = runner.train_loop.dataloader
        loader.worker_init_fn = _worker_init_fn(runner, loader.num_workers, runner.iter)
        if loader.persistent_workers:
            loader._iterator = None  # torch has no other way to make them start anew
        _seed(runner, 'data', runner.iter)

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        """Seeds what the model draws."""
        seed_model(runner)

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: dict | None = None
    ) -> None:
        """Seeds what the next batch draws, where this process loads it."""
        if not isinstance(runner.train_loop, EpochBasedTrainLoop) and _is_saved(runner):
            _restart_data(runner, runner.iter + 1)
        _seed(runner, 'data', runner.iter + 1)

    def after_val(self, runner: Runner) -> None:
        """Seeds the same again, for a validation draws as well."""
        _seed(runner, 'data', runner.iter)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        """Warns of what is not stored."""
        if any(parameter.grad is not None for parameter in runner.model.parameters()):
            runner.logger.warning(
                'this checkpoint lies between two updates of the weights: a training that resumes from it starts to '
                'accumulate gradients anew. Save at multiples of optim_wrapper.accumulative_counts'
            )


def seed_model(runner: Runner) -> None:
    """Seeds what the model draws in the iteration that the runner is in."""
    _seed(runner, 'model', runner.iter)


def _is_saved(runner: Runner) -> bool:
    """Whether a checkpoint belongs behind this iteration; all ranks must agree, and only one of them writes it."""
    hooks = [hook for hook in runner.hooks if isinstance(hook, CheckpointHook) and not hook.by_epoch]
    return any(hook.interval > 0 and (runner.iter + 1) % hook.interval == 0 for hook in hooks)


def _restart_data(runner: Runner, iteration: int) -> None:
    """Loads on from the same place, as a resumed training will."""
    loop = runner.train_loop
    if not hasattr(loop.dataloader.sampler, 'skip'):
        return  # such a training cannot be resumed exactly, and its data would be read twice here
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
    """A number of 31 bits, in no visible relation to those of other iterations and ranks; workers add theirs to it."""
    entropy = [runner.seed, get_rank(), *what.encode(), iteration]
    return int(np.random.SeedSequence(entropy).generate_state(1)[0] >> 1)
