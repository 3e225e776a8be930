"""Averages weights over a training."""

from mmengine.config import Config

from mmcrossformer.config.walk import type_name

# The average covers about the last 1 / MOMENTUM iterations. It starts shorter, by exp(-iteration / GAMMA), so that
# trainings of 300 iterations forget their initial weights, and those of 3,000 are smoothed.
MOMENTUM = 0.002
GAMMA = 100


def use_ema(cfg: Config, momentum: float = MOMENTUM, gamma: int = GAMMA) -> None:
    """Makes a config validate and store an exponential moving average of the weights, by mmengine's `EMAHook`.

    A config that averages already stays as it is.

    Args:
        cfg: The config, which is changed.
        momentum: Part of the newest weights in the average, late in training.
        gamma: Iterations over which the part falls from 1 to `momentum`.
    """
    hooks = list(cfg.get('custom_hooks') or [])
    if not any(type_name(hook) == 'EMAHook' for hook in hooks):
        hook = dict(type='EMAHook', ema_type='ExpMomentumEMA', momentum=momentum, gamma=gamma, update_buffers=True)
        cfg.custom_hooks = [*hooks, hook]
