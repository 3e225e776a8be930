"""Draws attention groups and the weights in them."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from mmcrossformer.visual.placement import Placement
from mmcrossformer.visual.probe import TokenAttention
from mmcrossformer.visual.style import COLOURS, SCALE, add_scale, new_figure

_GROUP, _QUERY = COLOURS[5], COLOURS[0]
_PANEL = 3.0  # inches


def draw_groups(placement: Placement, probes: Sequence[TokenAttention]) -> Figure:
    """Draws the attention of a token in each block: its group on the image, and the weights in it.

    Args:
        placement: The image and its place in the input.
        probes: Results of `probe`, for at least one block.

    Returns:
        A figure with a row for each stage: a group and its weights, mean over heads, for each probed block. A blue
        frame marks the token.
    """
    by_stage = {
        stage: [found for found in probes if found.stage == stage] for stage in sorted({p.stage for p in probes})
    }
    # SDA on the left and LDA on the right, also if a stage has only one of them; several of a kind side by side.
    kinds = [max(sum(p.long_distance is kind for p in row) for row in by_stage.values()) for kind in (False, True)]
    columns = sum(kinds)
    height, width = placement.input_size
    tall = min(2 * _PANEL, max(0.5 * _PANEL, _PANEL * height / width))
    title = 'The group of a token (orange) and its weights, mean over heads; the token has a blue frame'
    figure = new_figure(2 * _PANEL * columns, (tall + 0.35) * len(by_stage) + 0.8, title)
    panels = figure.subplots(len(by_stage), 2 * columns, squeeze=False)
    for line, found in zip(panels, by_stage.values(), strict=True):
        short, long = ([p for p in found if p.long_distance is kind] for kind in (False, True))
        slots = short + [None] * (kinds[0] - len(short)) + long + [None] * (kinds[1] - len(long))
        for i, token in enumerate(slots):
            left, right = line[2 * i : 2 * i + 2]
            if token is None:
                kind = 'SDA' if i < kinds[0] else 'LDA'
                left.text(0.5, 0.5, f'stage {found[0].stage + 1}: no {kind} block', ha='center', va='center')
                left.set_axis_off()
                right.set_axis_off()
            else:
                draw_group(left, placement, token)
                draw_weights(figure, right, token)
    return figure


def draw_group(axis: Axes, placement: Placement, token: TokenAttention) -> None:
    """Marks the tokens of a group on the input of the backbone; a token is a square of `stride` pixels."""
    placement.show(axis)
    # A white overlay makes the colours of the group visible on any image.
    height, width = placement.input_size
    axis.add_patch(Rectangle((0, 0), width, height, facecolor='white', alpha=0.45))
    side = token.stride
    squares = [Rectangle((col * side, row * side), side, side) for row in token.rows for col in token.cols]
    # The thin frame keeps tokens visible that are smaller than a pixel of the figure.
    axis.add_collection(PatchCollection(squares, facecolor=_GROUP, alpha=0.5, edgecolor=_GROUP, linewidth=0.8))
    row, col = token.query
    axis.add_patch(Rectangle((col * side, row * side), side, side, fill=False, edgecolor=_QUERY, linewidth=2))
    tokens = f'{len(token.rows)} x {len(token.cols)} of {token.map_size[0]} x {token.map_size[1]} tokens'
    axis.set_title(f'{token.name}\n{tokens}', fontsize='small')


def draw_weights(figure: Figure, axis: Axes, token: TokenAttention) -> None:
    """Draws the weights of a group, mean over heads in percent; ticks are rows and columns of the token map."""
    mean = 100 * token.weights.float().mean(0).cpu().numpy()
    drawn = axis.imshow(mean, cmap=SCALE, vmin=0, interpolation='nearest')
    add_scale(figure, drawn, axis)
    row, col = token.rows.index(token.query[0]), token.cols.index(token.query[1])
    axis.add_patch(Rectangle((col - 0.5, row - 0.5), 1, 1, fill=False, edgecolor=_QUERY, linewidth=2.5))
    for places, set_ticks in ((token.cols, axis.set_xticks), (token.rows, axis.set_yticks)):
        ticks = sorted({0, len(places) // 2, len(places) - 1})
        set_ticks(ticks, [str(places[tick]) for tick in ticks], fontsize='x-small')
    axis.set_title(f'weights of {token.weights.shape[0]} heads [%]', fontsize='small')
