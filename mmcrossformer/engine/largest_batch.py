"""Finds the largest batch of a training by steps on the GPU, and a sensible one for processors."""

import copy
import gc
from collections.abc import Sequence
from itertools import islice
from typing import Any

import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.optim import build_optim_wrapper
from mmengine.registry import MODELS, init_default_scope

from mmcrossformer.config.walk import model_settings, replace_sync_bn
from mmcrossformer.engine.batch_size import largest_that_fits
from mmcrossformer.engine.plain_loader import build_plain_loader
from mmcrossformer.utils.random_state import own_random_state

# Of so many pictures, the one with the largest input and the most objects fills the batch.
_LOOKED_AT = 32
# Share of the memory that may be used: other batches can be larger, and averages of weights need a copy of them.
_SHARE = 0.85
# Batches larger than that of the config leave so many iterations to an epoch: a small data set is trained in few steps.
_ITERATIONS = 20
# The first step creates the state of the optimizer.
_STEPS = 2
# On processors, larger batches take more memory and are no faster.
_ON_PROCESSORS = 8


def find_batch_size(cfg: Config) -> tuple[int, str]:
    """Finds the batch size of a training.

    Args:
        cfg: The config; is not changed.

    Returns:
        On a GPU the largest size with which training steps take at most 85 % of its memory, but not so large that an
        epoch has fewer than 20 iterations, unless that of the config is. On processors that of the config, and at most
        8. And why, for the log.
    """
    init_default_scope(cfg.default_scope)
    seed = cfg.get('randomness', {}).get('seed') or 0
    with own_random_state(seed):
        loader = build_plain_loader(cfg, seed, batch_size=1)
        pictures = len(loader.dataset)
        own = cfg.train_dataloader.batch_size
        highest = min(max(own, pictures // _ITERATIONS), pictures)
        if not torch.cuda.is_available():
            return min(own, _ON_PROCESSORS, pictures), f'on processors that of the config, and at most {_ON_PROCESSORS}'
        sample = _most_expensive([_only(batch) for batch in islice(loader, _LOOKED_AT)])
        size = largest_that_fits(_Probe(cfg, sample).fits, highest)
    if size == highest:
        return size, f'larger ones leave fewer than {_ITERATIONS} iterations to an epoch of {pictures} images'
    return size, f'as many as fit into {_SHARE:.0%} of {torch.cuda.get_device_name()}'


def _only(batch: dict[str, Any]) -> dict[str, Any]:
    """Returns the sample of a batch of one."""
    return {key: values[0] for key, values in batch.items()}


def _most_expensive(samples: Sequence[dict[str, Any]]) -> dict[str, Any]:
    def cost(sample: dict[str, Any]) -> tuple[int, int]:
        return sample['inputs'].numel(), len(getattr(sample['data_samples'], 'gt_instances', ()))

    return max(samples, key=cost)


class _Probe:
    """Training steps on copies of a sample."""

    def __init__(self, cfg: Config, sample: dict[str, Any]) -> None:
        self.cfg, self.sample = cfg, sample

    def fits(self, size: int) -> bool:
        """Makes steps with a new model; raises torch's error if the memory runs out, and leaves none in use."""
        try:
            self._step(size)
            used = torch.cuda.max_memory_reserved()
        finally:
            gc.collect()
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
        return used <= _SHARE * torch.cuda.get_device_properties(torch.cuda.current_device()).total_memory

    def _step(self, size: int) -> None:
        settings = copy.deepcopy(model_settings(self.cfg))
        replace_sync_bn(settings)
        settings.pop('init_cfg', None)
        model = MODELS.build(settings).cuda().train()
        optimizer = build_optim_wrapper(model, copy.deepcopy(self.cfg.optim_wrapper))
        for _ in range(_STEPS):
            batch = pseudo_collate([copy.deepcopy(self.sample) for _ in range(size)])
            with optimizer.optim_context(model):
                losses = model(**model.data_preprocessor(batch, True), mode='loss')
            loss, _ = model.parse_losses(losses)
            optimizer.update_params(loss)
        torch.cuda.synchronize()
