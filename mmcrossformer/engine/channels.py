"""Do a backbone's maps fit what takes them?"""

from collections.abc import Iterator
from typing import Any

from torch import nn

from mmcrossformer.engine.errors import UserError
from mmcrossformer.models.crossformer import CrossFormer


def check_channels(settings: dict[str, Any], backbone: nn.Module) -> None:
    """Compares the channels that neck or heads want with those of a CrossFormer; other backbones are not looked at.

    Args:
        settings: `model` of a config.
        backbone: The backbone that was built from it.

    Raises:
        UserError: They differ; the message has the right ones.
    """
    if not isinstance(backbone, CrossFormer):
        return
    channels = list(backbone.out_channels)
    for name, node in _takers(settings):
        wanted, index = node['in_channels'], node.get('in_index', -1)
        if isinstance(wanted, list | tuple):
            given = [channels[i] for i in index] if isinstance(index, list | tuple) else channels
            wanted = list(wanted)
        else:
            given = channels[index]
        if wanted != given:
            raise UserError(
                f'model.{name}.in_channels is {wanted}, but {type(backbone).__name__} gives maps of {given} channels: '
                f'set model.{name}.in_channels={given}'
            )


def _takers(settings: dict[str, Any]) -> Iterator[tuple[str, dict]]:
    """Yields what takes the maps of the backbone: the neck or, without one that asks for channels, the heads."""
    for name in ('neck', 'panoptic_head', 'decode_head', 'head'):
        node = settings.get(name)
        if isinstance(node, dict) and 'in_channels' in node:
            yield name, node
            break
    extra = settings.get('auxiliary_head') if 'neck' not in settings else None
    for i, node in enumerate(extra if isinstance(extra, list | tuple) else [extra]):
        if node and 'in_channels' in node:
            yield f'auxiliary_head.{i}' if isinstance(extra, list | tuple) else 'auxiliary_head', node
