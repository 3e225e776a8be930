"""Compares and sets the channels between a backbone and its neck or heads."""

from collections.abc import Iterator, Sequence
from typing import Any

from torch import nn

from mmcrossformer.models.pyramid import Pyramid
from mmcrossformer.utils.errors import UserError


def check_channels(settings: dict[str, Any], backbone: nn.Module | None) -> None:
    """Compares the input channels of the neck or, without one, of the heads with the maps of our own backbones.

    Checks `in_channels` of a single neck and of the heads of segmenters and classifiers; lists of necks and other
    backbones are not checked.

    Args:
        settings: `model` of a config.
        backbone: The backbone that was built from it; None for a model without one.

    Raises:
        UserError: They differ; the message contains the right ones.
    """
    if not isinstance(backbone, Pyramid):
        return
    channels = list(backbone.out_channels)
    for name, node in _map_consumers(settings):
        wanted, index = node['in_channels'], node.get('in_index', -1)
        if any(i >= len(channels) for i in (index if isinstance(index, list | tuple) else [index])):
            raise UserError(
                f'model.{name}.in_index is {index}, but {type(backbone).__name__} returns {len(channels)} maps '
                f'(out_indices={backbone.out_indices})'
            )
        right = _right_channels(node, channels)
        # Some necks start with the deepest map.
        if (list(wanted) not in (right, right[::-1])) if isinstance(wanted, list | tuple) else wanted != right:
            raise UserError(
                f'model.{name}.in_channels is {wanted}, but {type(backbone).__name__} returns maps of {right} '
                f'channels: set model.{name}.in_channels={right}'
            )


def set_channels(settings: dict[str, Any], channels: Sequence[int]) -> None:
    """Sets `in_channels` of the neck or, without one, of the heads.

    Args:
        settings: `model` of a config; changed in place.
        channels: Channels of the maps of its backbone.

    Raises:
        UserError: No neck or head with `in_channels` was found.
    """
    consumers = list(_map_consumers(settings))
    if not consumers:
        raise UserError(
            f'nothing in the model ({settings.get("type")}) has in_channels for the maps of the backbone: they can '
            'be set for a single neck, or for heads without a neck'
        )
    for _, node in consumers:
        wanted, right = node['in_channels'], _right_channels(node, list(channels))
        # Some necks start with the deepest map.
        turned = isinstance(right, list) and (wanted[0] > wanted[-1]) != (right[0] > right[-1])
        node['in_channels'] = right[::-1] if turned else right


def _right_channels(node: dict[str, Any], channels: list[int]) -> Any:
    """Returns the channels of the map, or of the list of maps, that a neck or head takes."""
    index = node.get('in_index', -1)
    if not isinstance(node['in_channels'], list | tuple):
        return channels[index]
    return [channels[i] for i in index] if isinstance(index, list | tuple) else channels


def _map_consumers(settings: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields name and settings of the neck or, without one, of the heads."""
    neck = settings.get('neck')
    if isinstance(neck, dict) and 'in_channels' in neck:
        yield 'neck', neck
    elif neck is None or (isinstance(neck, dict) and neck.get('type') == 'GlobalAveragePooling'):
        for name in ('panoptic_head', 'decode_head', 'head', 'auxiliary_head'):
            node = settings.get(name)
            heads = (
                {f'{name}.{i}': head for i, head in enumerate(node)} if isinstance(node, list | tuple) else {name: node}
            )
            for key, head in heads.items():
                if isinstance(head, dict) and 'in_channels' in head:
                    yield key, head
