"""Checks arguments of the optimizer and of the schedules of the learning rate, which mmengine builds late."""

from collections.abc import Iterator
from typing import Any

import torch
from mmengine.config import Config
from mmengine.registry import OPTIMIZERS, PARAM_SCHEDULERS
from torch import nn
from torch.optim import Optimizer

from mmcrossformer.config.walk import schedulers_of
from mmcrossformer.engine.check.finding import Finding
from mmcrossformer.engine.check.settings.loop import find_loop
from mmcrossformer.utils.errors import innermost

# From this on, the rate is one for SGD: Adam and its variants divide by the size of the gradient.
_HIGH_FOR_ADAM = 0.01
_WITHOUT_PROCESSES = 'ZeroRedundancyOptimizer'  # cannot be built


def check_optimizer(cfg: Config) -> Iterator[Finding]:
    """Builds the optimizer and its schedules for one parameter, and looks at rate and clipping."""
    wrapper = cfg.get('optim_wrapper') or {}
    settings = wrapper.get('optimizer')
    if not isinstance(settings, dict) or cfg.get('strategy') or settings.get('type') == _WITHOUT_PROCESSES:
        return
    place, rate = 'optim_wrapper.optimizer', settings.get('lr')
    if rate is not None and (isinstance(rate, bool) or not isinstance(rate, int | float)):
        yield Finding(f'{place}.lr must be a number, and is {rate!r}')
        return
    if rate == 0:
        yield Finding(f'{place}.lr is 0: nothing is learned')
    elif rate is not None and rate >= _HIGH_FOR_ADAM and 'Adam' in str(settings.get('type')):
        yield Finding(
            f'{place}.lr is {rate:g}, a rate of SGD: {settings["type"]} needs less, such as 0.0001 for a pretrained '
            'transformer',
            warning=True,
        )
    yield from _check_clipping(wrapper.get('clip_grad') or {})
    try:
        optimizer = OPTIMIZERS.build({**settings, 'params': [nn.Parameter(torch.zeros(1))]})
    except Exception as error:  # an optimizer of any library can raise anything
        yield Finding(f'{place} ({settings.get("type")}) cannot be built: {innermost(error)}')
        return
    for where, scheduler in schedulers_of(cfg):
        yield from _check_scheduler(where, scheduler, cfg, optimizer)


def _check_clipping(settings: dict[str, Any]) -> Iterator[Finding]:
    for name in ('max_norm', 'clip_value'):
        if (limit := settings.get(name)) is not None and limit <= 0:
            yield Finding(f'optim_wrapper.clip_grad.{name} is {limit}, and makes every gradient 0: nothing is learned')


def _check_scheduler(where: str, scheduler: dict[str, Any], cfg: Config, optimizer: Optimizer) -> Iterator[Finding]:
    """Builds a schedule, which mmengine does when training begins; it ends with that unless it says otherwise."""
    loop = find_loop(cfg)
    counts_alike = loop is not None and loop.length is not None and loop.by_epoch == scheduler.get('by_epoch', True)
    length = dict(end=loop.length) if loop is not None and counts_alike else {}
    try:
        PARAM_SCHEDULERS.build({**length, **scheduler}, default_args=dict(optimizer=optimizer, epoch_length=1))
    except Exception as error:  # a scheduler of any library can raise anything
        yield Finding(f'{where} ({scheduler["type"]}) cannot be built: {innermost(error)}')
