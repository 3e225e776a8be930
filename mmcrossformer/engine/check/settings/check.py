"""All checks of settings, in the order of the findings."""

from mmengine.config import Config

from mmcrossformer.engine.check.finding import Finding
from mmcrossformer.engine.check.settings.colors import check_colors
from mmcrossformer.engine.check.settings.hooks import check_hooks
from mmcrossformer.engine.check.settings.loaders import check_loaders
from mmcrossformer.engine.check.settings.metrics import check_metrics
from mmcrossformer.engine.check.settings.numbers import check_numbers
from mmcrossformer.engine.check.settings.optimizer import check_optimizer
from mmcrossformer.engine.check.settings.outputs import check_outputs
from mmcrossformer.engine.check.settings.packages import check_packages
from mmcrossformer.engine.check.settings.samplers import check_samplers
from mmcrossformer.engine.check.settings.schedule import check_schedule
from mmcrossformer.engine.check.settings.sliding import check_sliding
from mmcrossformer.engine.check.settings.tuples import check_tuples

_CHECKS = (
    check_hooks,
    check_schedule,
    check_optimizer,
    check_metrics,
    check_outputs,
    check_sliding,
    check_colors,
    check_loaders,
    check_samplers,
    check_tuples,
    check_packages,
)


def check_settings(cfg: Config) -> list[Finding]:
    """Checks for settings that contradict each other, alone from the config.

    Args:
        cfg: Config to train.

    Returns:
        The findings.
    """
    # The other checks calculate with numbers.
    return [*check_numbers(cfg)] or [finding for check in _CHECKS for finding in check(cfg)]
