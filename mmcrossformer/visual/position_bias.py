"""Draws position biases."""

import math
from collections.abc import Sequence
from typing import Literal

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from torch import Tensor

from mmcrossformer.models.attention.grouping import Rule
from mmcrossformer.models.crossformer import CrossFormer
from mmcrossformer.visual.probe import Place, bias_table, blocks_of
from mmcrossformer.visual.style import DIVERGING, add_scale, new_figure

_COLUMNS = 12
_LONGEST = 4  # times the short side of a group that is drawn in its proportions


@torch.no_grad()
def draw_position_bias(
    backbone: CrossFormer, input_size: tuple[int, int], blocks: Sequence[Place] | None = None
) -> Figure:
    """Draws the dynamic position bias of each head for each offset between query and key.

    Which offsets occur depends on the groups, and those of long distance attention in scope `map` grow with the map, so
    the figure depends on the input size.

    Args:
        backbone: The backbone.
        input_size: Height and width of the input in pixels.
        blocks: Pairs (stage, block) to draw, from 0; by default the last block of each stage.

    Returns:
        A figure with a map for each head, up to twelve in a row, for the largest group of each block; one colour scale
        for all of them.
    """
    stages = blocks_of(backbone)
    if blocks is None:
        blocks = [(i, len(stage) - 1) for i, stage in enumerate(stages)]
    layers = [stages[stage][block].attn for stage, block in blocks]
    sizes = [largest_group(layer.rule, input_size, stage) for layer, (stage, _) in zip(layers, blocks, strict=True)]
    tables = [bias_table(layer, size) for layer, size in zip(layers, sizes, strict=True)]
    limit = max(table.abs().max().item() for table in tables) or 1.0
    lines = [math.ceil(len(table) / _COLUMNS) for table in tables]
    title = 'Dynamic position bias of each head, by the offset of the query from its key [places of a group],\n'
    title += f'in the largest groups on an input of {input_size[0]} x {input_size[1]} pixels'
    figure = new_figure(12, 1.1 + 1.15 * sum(lines), title)
    panels = figure.subplots(sum(lines), _COLUMNS, squeeze=False)
    drawn = None
    for place, layer, size, table, rows in zip(blocks, layers, sizes, tables, lines, strict=True):
        axes = panels[:rows].ravel()
        for head, (axis, bias) in enumerate(zip(axes, table, strict=False)):
            drawn = draw_offsets(axis, bias, limit)
            if head % _COLUMNS:
                axis.set_yticks([])
        for axis in axes[len(table) :]:
            axis.set_axis_off()
        kind = 'LDA' if layer.rule.long_distance else 'SDA'
        label = f'stage {place[0] + 1}\nblock {place[1] + 1}, {kind}\n{size[0]} x {size[1]} tokens'
        panels[0, 0].set_ylabel(label, fontsize='small')
        panels = panels[rows:]
    assert drawn is not None, 'every block has heads'
    add_scale(figure, drawn, figure.axes, 'bias')
    return figure


def largest_group(rule: Rule, input_size: tuple[int, int], stage: int) -> tuple[int, int]:
    """Returns rows and columns of the largest group of a stage (counted from 0) for an input size."""
    stride = 4 * 2**stage
    grouping = rule(*(-(-side // stride) for side in input_size))
    rows, cols = (max(run.members for run in runs) for runs in grouping.runs)
    return rows, cols


def draw_offsets(axis: Axes, bias: Tensor, limit: float) -> AxesImage:
    """Draws the bias of one head by the offset of the query from its key, rows downwards.

    Args:
        axis: Where to draw.
        bias: Bias of each offset [2*Gh-1, 2*Gw-1].
        limit: Value at both ends of the colour scale, which is white at 0.

    Returns:
        The image, for a colour bar.
    """
    rows, cols = ((side + 1) // 2 for side in bias.shape)
    axis.set(xticks=sorted({1 - cols, 0, cols - 1}), yticks=sorted({1 - rows, 0, rows - 1}))
    axis.tick_params(labelsize='xx-small', length=2)
    extent = (0.5 - cols, cols - 0.5, rows - 0.5, 0.5 - rows)
    # Elongated groups would be thin lines.
    aspect: Literal['equal', 'auto'] = 'equal' if max(rows, cols) <= _LONGEST * min(rows, cols) else 'auto'
    values = bias.float().cpu().numpy()
    return axis.imshow(values, cmap=DIVERGING, vmin=-limit, vmax=limit, extent=extent, aspect=aspect)
