"""Draws the filters of cross-scale embeddings."""

from collections.abc import Iterable
from typing import cast

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import nn

from mmcrossformer.models.layers import CrossScaleEmbed
from mmcrossformer.visual.style import new_figure

_SHOWN = 12


def draw_filters(stem: CrossScaleEmbed) -> Figure:
    """Draws filters of a stem: a row for each kernel size.

    Args:
        stem: The first layer of a backbone (`backbone.stages[0].embed`).

    Returns:
        A figure with up to twelve filters of each kernel size, evenly spaced among its output channels. With three
        input channels or more, the first three are red, green and blue; otherwise the first is grey.
    """
    convs = list(cast(Iterable[nn.Conv2d], stem.convs))
    channels = convs[0].in_channels
    shown = 'channels 1 to 3 as red, green, blue' if channels >= 3 else 'channel 1'
    title = f'Filters of the stem, {shown}: grey is 0, each is scaled by its largest weight'
    figure = new_figure(12, 1.15 * len(convs) + 0.6, title)
    panels = figure.subplots(len(convs), _SHOWN, squeeze=False)
    for line, conv in zip(panels, convs, strict=True):
        count = min(_SHOWN, conv.out_channels)
        chosen = np.linspace(0, conv.out_channels - 1, count).round().astype(int)
        side = conv.kernel_size[0]
        line[0].set_ylabel(f'{side} x {side} px\n{count} of {conv.out_channels}')
        for axis, index in zip(line, chosen, strict=False):
            axis.imshow(filter_picture(conv.weight[index]), cmap='gray', vmin=0, vmax=1, interpolation='nearest')
            axis.set(xticks=[], yticks=[])
        for axis in line[count:]:
            axis.set_axis_off()
    return figure


@torch.no_grad()
def filter_picture(weight: torch.Tensor) -> np.ndarray:
    """Scales a filter [C, k, k] to [0, 1] with 0 at 0.5: [k, k, 3], or [k, k] if C < 3."""
    weight = weight[:3] if len(weight) >= 3 else weight[:1]
    scaled = 0.5 + 0.5 * weight.float() / weight.abs().max().clamp(min=torch.finfo(torch.float32).tiny)
    return scaled.permute(1, 2, 0).squeeze(-1).cpu().numpy()
