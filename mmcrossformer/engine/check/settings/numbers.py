"""Checks for texts where numbers are meant, with which all other checks would fail."""

from collections.abc import Iterator
from typing import Any

from mmengine.config import Config

from mmcrossformer.config.walk import schedulers_of
from mmcrossformer.engine.check.finding import Finding
from mmcrossformer.engine.check.settings.loop import hooks_of

_OF_LOOP = ('max_epochs', 'max_iters', 'val_begin', 'val_interval')
_OF_SCHEDULES = ('begin', 'end', 'T_max', 'total_steps', 'milestones', 'gamma', 'eta_min', 'power', 'start_factor')
_OF_HOOKS = ('interval', 'begin_epoch', 'begin_iter', 'max_keep_ckpts', 'patience', 'momentum')
_OF_CLIPPING = ('max_norm', 'clip_value')


def check_numbers(cfg: Config) -> Iterator[Finding]:
    """Checks loop, schedules, hooks, clipping and seed, as `max_epochs=ten` or `max_epochs='12'` sets them."""
    clipping = (cfg.get('optim_wrapper') or {}).get('clip_grad') or {}
    places: list[tuple[str, dict[str, Any], tuple[str, ...]]] = [
        ('train_cfg', cfg.get('train_cfg') or {}, _OF_LOOP),
        *((place, scheduler, _OF_SCHEDULES) for place, scheduler in schedulers_of(cfg)),
        *((place, hook, _OF_HOOKS) for place, hook in hooks_of(cfg, 'Hook')),
        ('optim_wrapper.clip_grad', clipping, _OF_CLIPPING),
        ('randomness', cfg.get('randomness') or {}, ('seed',)),
    ]
    for place, settings, keys in places:
        for key in keys:
            value = settings.get(key)
            if any(isinstance(one, str) for one in (value if isinstance(value, list | tuple) else [value])):
                yield Finding(f'{place}.{key} must be a number, and is the text {value!r}')
