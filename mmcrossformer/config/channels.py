"""Do a backbone's maps fit what takes them?"""

from collections.abc import Iterator
from typing import Any

from torch import nn

from mmcrossformer.models.pyramid import Pyramid
from mmcrossformer.utils.errors import UserError


def check_channels(settings: dict[str, Any], backbone: nn.Module | None) -> None:
    """Compares the channels that the neck or, without one, the heads want with those of a backbone of this package.

    Looks at `in_channels` of a single neck and of the heads of segmenters and classifiers; lists of necks or heads, and
    other backbones, are left to torch.

    Args:
        settings: `model` of a config.
        backbone: The backbone that was built from it; None for a model without one.

    Raises:
        UserError: They differ; the message has the right ones.
    """
    if not isinstance(backbone, Pyramid):
        return
    channels = list(backbone.out_channels)
    for name, node in _takers(settings):
        wanted, index = node['in_channels'], node.get('in_index', -1)
        indices = list(index) if isinstance(index, list | tuple) else [index]
        if any(i >= len(channels) for i in indices):
            raise UserError(
                f'model.{name}.in_index is {index}, but {type(backbone).__name__} gives {len(channels)} maps '
                f'(out_indices={backbone.out_indices})'
            )
        if isinstance(wanted, list | tuple):
            given = [channels[i] for i in indices] if isinstance(index, list | tuple) else channels
            fits = list(wanted) in (given, given[::-1])  # some necks start with the deepest map
        else:
            given = channels[index]
            fits = wanted == given
        if not fits:
            raise UserError(
                f'model.{name}.in_channels is {wanted}, but {type(backbone).__name__} gives maps of {given} channels: '
                f'set model.{name}.in_channels={given}'
            )


def _takers(settings: dict[str, Any]) -> Iterator[tuple[str, dict]]:
    neck = settings.get('neck')
    if isinstance(neck, dict) and 'in_channels' in neck:
        yield 'neck', neck
    elif neck is None or (isinstance(neck, dict) and neck.get('type') == 'GlobalAveragePooling'):
        for name in ('panoptic_head', 'decode_head', 'head', 'auxiliary_head'):
            node = settings.get(name)
            if isinstance(node, dict) and 'in_channels' in node:
                yield name, node
