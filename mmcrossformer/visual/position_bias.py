"""Pictures of position biases."""

import math
from collections.abc import Sequence

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from torch import Tensor

from mmcrossformer.models.crossformer import CrossFormer
from mmcrossformer.visual.probe import Place, bias_table
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
    if blocks is None:
        blocks = [(i, len(stage.blocks) - 1) for i, stage in enumerate(backbone.stages)]
    layers = [backbone.stages[stage].blocks[block].attn for stage, block in blocks]
    tables = [bias_table(layer, (layer.rule.size, layer.rule.size)).float().cpu() for layer in layers]
    limit = max(table.abs().max().item() for table in tables) or 1.0
    lines = [math.ceil(len(table) / _COLUMNS) for table in tables]
    title = 'Dynamic position bias of each head, by the offset of the query from its key [places of a group]'
    figure = new_figure(12, 0.9 + 1.15 * sum(lines), title)
    panels = figure.subplots(sum(lines), _COLUMNS, squeeze=False)
    drawn = None
    for place, layer, table, rows in zip(blocks, layers, tables, lines, strict=True):
        drawn = _draw_heads(panels[:rows].ravel(), table, limit)
        kind = 'LDA' if layer.rule.long_distance else 'SDA'
        panels[0, 0].set_ylabel(f'stage {place[0] + 1}\nblock {place[1] + 1}, {kind}', fontsize='small')
        panels = panels[rows:]
    add_scale(figure, drawn, figure.axes, 'bias')
    return figure


def _draw_heads(axes: Sequence[Axes], table: Tensor, limit: float) -> AxesImage:
    """Draws a table [heads, 2*G-1, 2*G-1], a head in each of the axes; those that remain stay empty."""
    size = (table.shape[1] + 1) // 2
    reach = size - 0.5
    ticks = sorted({1 - size, 0, size - 1})
    for head, axis in enumerate(axes):
        if head >= len(table):
            axis.set_axis_off()
            continue
        extent = (-reach, reach, reach, -reach)
        drawn = axis.imshow(table[head].numpy(), cmap=DIVERGING, vmin=-limit, vmax=limit, extent=extent)
        axis.set_xticks(ticks)
        axis.set_yticks(ticks if head % _COLUMNS == 0 else [])
        axis.tick_params(labelsize='xx-small', length=2)
    return drawn
