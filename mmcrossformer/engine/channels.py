"""Do a backbone's maps fit what takes them?"""

from typing import Any

from torch import nn

from mmcrossformer.engine.errors import UserError


def check_channels(settings: dict[str, Any], backbone: nn.Module) -> None:
    """Compares the channels that neck or head want with those of the backbone.

    Args:
        settings: `model` of a config.
        backbone: The backbone that was built from it; looked at if it tells its `out_channels`.

    Raises:
        UserError: They differ; the message has the right ones.
    """
    channels = getattr(backbone, 'out_channels', None)
    if not isinstance(channels, tuple | list):
        return
    parts = ['neck', 'panoptic_head', 'decode_head', 'head']
    taker = next((part for part in parts if 'in_channels' in (settings.get(part) or {})), None)
    for part in filter(None, (taker, 'auxiliary_head')):
        node = settings.get(part) or {}
        wanted = node.get('in_channels')
        if isinstance(wanted, list | tuple):
            given = [channels[i] for i in node.get('in_index', range(len(channels)))]
        else:
            index = node.get('in_index', -1)
            given = channels[index] if isinstance(index, int) and index < len(channels) else wanted
        if wanted is not None and (list(wanted) if isinstance(wanted, list | tuple) else wanted) != given:
            raise UserError(
                f'model.{part}.in_channels is {wanted}, but {type(backbone).__name__} gives maps of {given} channels: '
                f'set model.{part}.in_channels={given}'
            )
