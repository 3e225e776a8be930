"""Averages weights over a training."""

from mmengine.config import Config

from mmcrossformer.config.walk import type_name

# After n iterations, the newest weights are GAMMA / (GAMMA + n) of the average: it covers about the last tenth of the
# training, 30 iterations of 300 and 300 of 3,000, and at most the last 1 / MOMENTUM iterations.
MOMENTUM = 0.002
GAMMA = 10


def use_ema(cfg: Config, momentum: float = MOMENTUM, gamma: int = GAMMA) -> None:
    """Makes a config validate and store an exponential moving average of the weights, by mmengine's `EMAHook`.

    A config that averages already stays as it is.

    Args:
        cfg: The config, which is changed.
        momentum: Part of the newest weights in the average, late in training.
        gamma: Part of the training that the average leaves out: it covers one in `gamma` of its iterations.
    """
    hooks = list(cfg.get('custom_hooks') or [])
    if not any(type_name(hook) == 'EMAHook' for hook in hooks):
        hook = dict(
            type='EMAHook', ema_type='MomentumAnnealingEMA', momentum=momentum, gamma=gamma, update_buffers=True
        )
        cfg.custom_hooks = [*hooks, hook]
