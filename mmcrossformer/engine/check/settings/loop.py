"""How long a config trains, and in which unit."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mmengine.config import Config

# What mmengine adds where a config does not set them.
_DEFAULT_HOOKS = dict(checkpoint=dict(type='CheckpointHook', interval=1), logger=dict(type='LoggerHook'))


@dataclass(frozen=True)
class Loop:
    """A training loop of mmengine.

    Attributes:
        by_epoch: Whether it counts epochs, else iterations.
        length: Number of them; None if the config sets none.
    """

    by_epoch: bool
    length: int | None

    @property
    def unit(self) -> str:
        """What it counts, for messages."""
        return 'epochs' if self.by_epoch else 'iterations'


def find_loop(cfg: Config) -> Loop | None:
    """Returns the training loop of a config; None if it is none of mmengine's."""
    settings = cfg.get('train_cfg') or {}
    kind = settings.get('type')
    if kind == 'EpochBasedTrainLoop' or (kind is None and settings.get('by_epoch') is True):
        return Loop(True, settings.get('max_epochs'))
    if kind == 'IterBasedTrainLoop' or (kind is None and settings.get('by_epoch') is False):
        return Loop(False, settings.get('max_iters'))
    return None


def hooks_of(cfg: Config, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields place and settings of the hooks whose type ends in `kind`, mmengine's defaults included."""
    default = {**_DEFAULT_HOOKS, **(cfg.get('default_hooks') or {})}
    hooks = [(f'default_hooks.{name}', hook) for name, hook in default.items()]
    hooks += [(f'custom_hooks.{i}', hook) for i, hook in enumerate(cfg.get('custom_hooks') or [])]
    for place, hook in hooks:
        if isinstance(hook, dict) and str(hook.get('type')).endswith(kind):
            yield place, hook
