"""Stops trainings that no longer improve."""

from mmengine.config import Config

from mmcrossformer.config.metrics import main_metric_of
from mmcrossformer.config.walk import type_name
from mmcrossformer.utils.errors import UserError

# Metrics in percent; those of COCO are from 0 to 1, in steps of 0.001.
_PERCENT = ('mIoU', '/PQ', '/top1')


def use_patience(cfg: Config, validations: int) -> None:
    """Makes a training stop after a number of validations without a higher main metric.

    Args:
        cfg: The config, which is changed.
        validations: Number of validations in a row.

    Raises:
        UserError: The number is below 1, or see `main_metric_of`.
    """
    if validations < 1:
        raise UserError(f'patience must be at least 1 validation, got {validations}')
    metric = main_metric_of(cfg)
    hook = dict(
        type='mmcrossformer.PatienceHook',
        monitor=metric,
        rule='greater',
        min_delta=0.01 if metric.endswith(_PERCENT) else 1e-4,
        patience=validations,
    )
    others = [hook for hook in cfg.get('custom_hooks') or [] if type_name(hook) != 'PatienceHook']
    cfg.custom_hooks = [*others, hook]
