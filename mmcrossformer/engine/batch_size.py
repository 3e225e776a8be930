"""The batch size of a training, with the learning rate that fits it."""

from collections.abc import Callable

import torch
from mmengine.config import Config

from mmcrossformer.engine.processes import count_processes
from mmcrossformer.utils.errors import UserError


def use_batch_size(cfg: Config, size: int) -> list[str]:
    """Sets the number of images of each process in a step, and scales the learning rate by the linear rule.

    The rate of the config is that of `auto_scale_lr.base_batch_size` images a step or, without it, of its own batch.

    Args:
        cfg: The config; changed in place. mmengine's own scaling is switched off: the rate would be scaled twice.
        size: The batch size.

    Returns:
        What was changed, for the log.

    Raises:
        UserError: The size is below 1, or the loader takes none.
    """
    if size < 1:
        raise UserError(f'--batch-size must be a whole number from 1 on, got {size}')
    loader = cfg.get('train_dataloader') or {}
    before = loader.get('batch_size')
    if not before:
        raise UserError('--batch-size replaces train_dataloader.batch_size, which the config does not set')
    scaling = cfg.get('auto_scale_lr') or {}
    per_step = count_processes() * cfg.optim_wrapper.get('accumulative_counts', 1)
    base = scaling.get('base_batch_size') or before * per_step
    loader['batch_size'] = size
    notes = [
        f'batch size {size} for each process, images in a step: {size * per_step}; the config has {before} for each'
    ]
    optimizer = cfg.optim_wrapper.get('optimizer') or {}
    rate = optimizer.get('lr')
    if rate is not None and size * per_step != base:
        optimizer['lr'] = rate * size * per_step / base
        notes.append(
            f'learning rate {optimizer["lr"]:g} by the linear rule: {rate:g} of the config is for {base} images'
        )
    if scaling:
        # The rate is that of this batch now.
        cfg.auto_scale_lr = dict(scaling, enable=False, base_batch_size=size * per_step)
    return notes


def largest_that_fits(fits: Callable[[int], bool], highest: int) -> int:
    """Finds the largest batch size that fits: doubles it, then halves the gap between what fits and what does not.

    Args:
        fits: Whether a batch size fits; larger ones than one that does not are never tried. It may raise
            `torch.cuda.OutOfMemoryError`, which means that the size does not fit.
        highest: Largest size that is allowed, from 1 on.

    Raises:
        UserError: Not even one picture fits.
    """
    good, bad = 0, highest + 1
    while bad - good > 1:
        size = min(max(1, 2 * good), highest) if bad > highest else (good + bad) // 2
        if _try(fits, size):
            good = size
        else:
            bad = size
    if not good:
        raise UserError('--batch-size auto: not even one image fits into the memory: choose a smaller model or input')
    return good


def _try(fits: Callable[[int], bool], size: int) -> bool:
    try:
        return fits(size)
    except torch.cuda.OutOfMemoryError:
        return False
