"""Pictures of position biases."""

import math
from collections.abc import Sequence

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from torch import Tensor

from mmcrossformer.models.crossformer import CrossFormer
from mmcrossformer.visual.probe import Place, bias_table, blocks_of
from mmcrossformer.visual.style import DIVERGING, add_scale, new_figure

_COLUMNS = 12


@torch.no_grad()
def draw_position_bias(backbone: CrossFormer, blocks: Sequence[Place] | None = None) -> Figure:
    """Draws what dynamic position biases add to the logits, for each offset between query and key.

    Args:
        backbone: The backbone.
        blocks: Pairs (stage, block) to draw, from 0; by default the last block of each stage.

    Returns:
        A map for each head, lines of up to twelve, for full groups of each block; one scale for all of them.
    """
    stages = blocks_of(backbone)
    if blocks is None:
        blocks = [(i, len(stage) - 1) for i, stage in enumerate(stages)]
    layers = [stages[stage][block].attn for stage, block in blocks]
    tables = [bias_table(layer, (layer.rule.size, layer.rule.size)) for layer in layers]
    limit = max(table.abs().max().item() for table in tables) or 1.0
    lines = [math.ceil(len(table) / _COLUMNS) for table in tables]
    title = 'Dynamic position bias of each head, by the offset of the query from its key [places of a group]'
    figure = new_figure(12, 0.9 + 1.15 * sum(lines), title)
    panels = figure.subplots(sum(lines), _COLUMNS, squeeze=False)
    drawn = None
    for place, layer, table, rows in zip(blocks, layers, tables, lines, strict=True):
        axes = panels[:rows].ravel()
        for head, (axis, bias) in enumerate(zip(axes, table, strict=False)):
            drawn = draw_offsets(axis, bias, limit)
            if head % _COLUMNS:
                axis.set_yticks([])
        for axis in axes[len(table) :]:
            axis.set_axis_off()
        kind = 'LDA' if layer.rule.long_distance else 'SDA'
        panels[0, 0].set_ylabel(f'stage {place[0] + 1}\nblock {place[1] + 1}, {kind}', fontsize='small')
        panels = panels[rows:]
    assert drawn is not None, 'every block has heads'
    add_scale(figure, drawn, figure.axes, 'bias')
    return figure


def draw_offsets(axis: Axes, bias: Tensor, limit: float) -> AxesImage:
    """Draws the bias of one head by the offset of the query from its key, rows downwards.

    Args:
        axis: Where to draw.
        bias: Bias of each offset [2*G-1, 2*G-1].
        limit: Value at the ends of the colours, which are white at 0.

    Returns:
        What a colour bar takes.
    """
    size = (bias.shape[0] + 1) // 2
    ticks = sorted({1 - size, 0, size - 1})
    reach = size - 0.5
    axis.set(xticks=ticks, yticks=ticks)
    axis.tick_params(labelsize='xx-small', length=2)
    extent = (-reach, reach, reach, -reach)
    return axis.imshow(bias.float().cpu().numpy(), cmap=DIVERGING, vmin=-limit, vmax=limit, extent=extent)
