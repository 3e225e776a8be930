"""Draws the pictures of docs/architecture.md that need no trained model, from the layers themselves.

python .dev_scripts/make_architecture.py
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Rectangle
from skimage.data import chelsea
from torch import nn

from mmcrossformer import ARCHS, CrossFormer, progressive_group_sizes
from mmcrossformer.models.attention import GroupRule
from mmcrossformer.models.layers import CrossScaleEmbed, DynamicPositionBias
from mmcrossformer.visual import Placement, draw_group, draw_offsets, probe, save
from mmcrossformer.visual.style import COLOURS, OTHER, add_scale, new_figure

IMAGES = Path(__file__).parent.parent / 'docs' / 'images'
MARKERS = 'osD^v'


def main() -> None:
    """Draws all pictures."""
    IMAGES.mkdir(exist_ok=True)
    for name, draw in PICTURES.items():
        path = IMAGES / f'architecture_{name}.png'
        save(draw(), path, palette=256)
        print(path)


def build_on_meta(arch: str, **options: object) -> CrossFormer:
    """Builds a backbone on the meta device."""
    with torch.device('meta'):
        return CrossFormer(arch, **options)


def draw_embeddings() -> Figure:
    """Draws CEL: kernels of several sizes around one position, and the output channels of each."""
    stages = build_on_meta('small').stages
    figure = new_figure(12, 3.6)
    left, middle, right = figure.subplots(1, 3, width_ratios=[1, 1, 1.5])
    draw_kernels(left, stages[0].embed, 'stem: around a token of 4 x 4 pixels')
    draw_kernels(middle, stages[1].embed, 'between stages: around 2 x 2 tokens')
    names = ['stem', *(f'to stage {i + 1}' for i in range(1, len(stages)))]
    for row, stage in enumerate(stages):
        start = 0
        for colour, conv in zip(COLOURS, stage.embed.convs, strict=False):
            share = conv.out_channels / sum(c.out_channels for c in stage.embed.convs)
            right.barh(row, share, left=start, color=colour, edgecolor='white')
            text = f'{conv.kernel_size[0]} x {conv.kernel_size[0]}\n{conv.out_channels}'
            right.text(
                start + share / 2, row, text, ha='center', va='center', fontsize='small', color=text_colour(colour)
            )
            start += share
    right.set_yticks(range(len(names)), names)
    right.invert_yaxis()
    right.set(xlim=(0, 1), xlabel='share of the channels', xticks=np.linspace(0, 1, 5))
    right.set_title('kernel and channels (CrossFormer-S)', fontsize='medium')
    right.spines[['top', 'right']].set_visible(False)
    return figure


def text_colour(colour: str) -> str:
    """Chooses black or white for text on a colour."""
    red, green, blue = to_rgb(colour)
    return 'black' if 0.3 * red + 0.59 * green + 0.11 * blue > 0.5 else 'white'


def draw_kernels(axis: Axes, embed: CrossScaleEmbed, title: str) -> None:
    """Draws the receptive fields of the kernels of an embedding at one output position."""
    largest, step = max(conv.kernel_size[0] for conv in embed.convs), embed.stride
    for colour, conv in reversed([*zip(COLOURS, embed.convs, strict=False)]):
        kernel, start = conv.kernel_size[0], -conv.padding[0]
        axis.add_patch(Rectangle((start, start), kernel, kernel, facecolor=colour, alpha=0.35, edgecolor='none'))
        axis.add_patch(Rectangle((start, start), kernel, kernel, fill=False, edgecolor=colour, linewidth=2))
    low, high = step / 2 - 0.6 * largest, step / 2 + 0.6 * largest
    ticks = np.arange(np.ceil(low / step), high / step) * step
    axis.set(xlim=(low, high), ylim=(high, low), xticks=ticks, yticks=ticks, aspect='equal')
    axis.set_title(title, fontsize='medium')
    axis.tick_params(labelsize='xx-small', length=0)
    axis.grid(linewidth=0.4)
    axis.set_axisbelow(True)
    unit = 'pixels' if embed.convs[0].in_channels == 3 else 'tokens of the map before'
    axis.set_xlabel(f'{unit}, lines {step} apart')


def draw_grouping() -> Figure:
    """Draws SDA and LDA in both scopes: which tokens of small maps attend to each other."""
    size, interval = 3, 2
    rules = [
        GroupRule(size, interval, long_distance=long, scope=scope)
        for long, scope in ((False, 'map'), (True, 'map'), (True, 'block'))
    ]
    names = ['SDA', 'LDA, scope map', 'LDA, scope block']
    # A map whose short side fits a group has the same groups for SDA and LDA, other ones in each scope.
    names_of_small = ['SDA, scope map', 'LDA, scope map', 'SDA and LDA, scope block']
    maps = {(6, 6): names, (8, 10): names, (3, 10): names_of_small}
    title = f'Equal letters attend to each other: G = {size}, I = {interval}, maps of three sizes'
    figure = new_figure(12, 8.4, title)
    panels = figure.subplots(len(maps), len(rules), height_ratios=[height + 1 for height, _ in maps])
    for line, ((height, width), titles) in zip(panels, maps.items(), strict=True):
        for axis, rule, name in zip(line, rules, titles, strict=True):
            draw_letters(axis, rule, height, width)
            axis.set_title(f'{name}, {height} x {width} tokens', fontsize='medium')
    return figure


def draw_letters(axis: Axes, rule: GroupRule, height: int, width: int) -> None:
    """Draws a map with a letter and a colour for each group."""
    grouping, names = rule(height, width), {}
    for row in range(height):
        for col in range(width):
            group = names.setdefault(grouping.group_of(row, col), len(names))
            colour = (*COLOURS, OTHER)[group % (len(COLOURS) + 1)]
            axis.add_patch(Rectangle((col, row), 1, 1, facecolor=colour, alpha=0.5, edgecolor='white'))
            axis.text(col + 0.5, row + 0.5, chr(ord('a') + group), ha='center', va='center')
    axis.set(xlim=(0, width), ylim=(height, 0), aspect='equal')
    axis.set_axis_off()


def draw_groups_on_photograph() -> Figure:
    """Draws the groups of one token of a photograph at each stage; they depend only on sizes, not on weights."""
    image = chelsea()
    scale = 448 / image.shape[0]
    size = tuple(round(side * scale) for side in image.shape[:2])
    placement = Placement(image, size, size, (scale, scale), (0, 0))
    options = dict(group_size=(7, 7, 7, 7), interval=(8, 4, 2, 1))
    figure = new_figure(
        12, 6.9, f'Groups of the token in the blue frame, CrossFormer-S at {size[0]} x {size[1]} pixels'
    )
    kinds = [('SDA', False, 'map'), ('LDA, scope map', True, 'map'), ('LDA, scope block', True, 'block')]
    for line, (kind, long_distance, scope) in zip(figure.subplots(3, 4), kinds, strict=True):
        backbone = CrossFormer('small', lda_scope=scope, **options).eval()
        tokens = probe(backbone, torch.zeros(1, 3, *size), placement.pixel(120, 150))
        found = [token for token in tokens if token.long_distance is long_distance]
        for axis, token in zip(line, found, strict=True):
            draw_group(axis, placement, token)
        line[0].set_ylabel(kind)
    return figure


def draw_dynamic_bias() -> Figure:
    """Draws DPB: the MLP from an offset to a bias for each head, and biases with random weights."""
    torch.manual_seed(0)
    dpb, size = DynamicPositionBias(dim=8, num_heads=3), 7
    figure = new_figure(12, 2.8, f'From the offset between two places of a group of G = {size} to a bias for each head')
    left, *maps = figure.subplots(1, 4, width_ratios=[2.4, 1, 1, 1])
    layers = [dpb.proj, *(layer for block in dpb.layers for layer in block)]
    texts = ['offset (rows, columns)', *(describe(layer) for layer in layers), 'bias of each head']
    for row, text in enumerate(texts):
        end = row in (0, len(texts) - 1)
        face = COLOURS[4] if end else 'white'
        box = FancyBboxPatch((0.1, row + 0.12), 0.8, 0.7, boxstyle='round,pad=0.02', facecolor=face, alpha=0.7)
        left.add_patch(box)
        left.text(0.5, row + 0.47, text, ha='center', va='center', fontsize='x-small')
    left.set(xlim=(0, 1), ylim=(len(texts), 0), title='the MLP (random weights, hidden width 8)')
    left.title.set_fontsize('medium')
    left.set_axis_off()
    with torch.no_grad():
        table = dpb((size, size)).unflatten(1, (2 * size - 1, 2 * size - 1))
    limit = table.abs().max().item()
    for head, axis in enumerate(maps):
        drawn = draw_offsets(axis, table[head], limit)
        axis.set_title(f'head {head + 1}', fontsize='medium')
        axis.set_xlabel('columns')
    maps[0].set_ylabel('rows')
    add_scale(figure, drawn, maps, 'bias')
    return figure


def describe(layer: nn.Module) -> str:
    """Names a layer with its widths."""
    widths = f' {layer.in_features} to {layer.out_features}' if isinstance(layer, nn.Linear) else ''
    return type(layer).__name__ + widths


def draw_group_sizes() -> Figure:
    """Draws PGS: group sizes of the published variants and of the schedules, block by block."""
    depths = ARCHS['pp-base'].depths
    figure = new_figure(12, 4)
    left, right = figure.subplots(1, 2)
    published = {name: build_on_meta(name).arch.group_size for name in ('base', 'pp-base')}
    schedules = {name: progressive_group_sizes(name, depths) for name in ('7_14', 'linear', 'linear_div', 'alter')}
    for axis, sizes, title in (
        (left, published, 'published variants (G on ImageNet)'),
        (right, schedules, 'schedules of progressive_group_sizes'),
    ):
        for i, (name, stages) in enumerate(sizes.items()):
            flat = [size for stage in stages for size in stage]
            axis.plot(range(1, len(flat) + 1), flat, MARKERS[i], color=COLOURS[i], ls='-', lw=1, ms=5, label=name)
        for end in np.cumsum(depths)[:-1]:
            axis.axvline(end + 0.5, color='black', linewidth=0.8, linestyle=':')
        axis.set(title=f'{title}, depths {depths}', xlabel='block (dotted: a new stage)', ylabel='group size [tokens]')
        axis.set_ylim(0, None)
        axis.legend(fontsize='small')
    return figure


def draw_cooling() -> Figure:
    """Draws ACL: the blocks of several variants in order, and which of them are followed by a cooling layer."""
    names = ('small', 'base', 'pp-small', 'pp-base', 'pp-huge')
    figure = new_figure(12, 2.6, 'Blocks: SDA, LDA, and amplitude cooling layers (ACL) behind them')
    axis = figure.subplots()
    colours = {False: COLOURS[0], True: COLOURS[1]}
    upright = dict(ha='center', va='center', rotation=90)
    for row, name in enumerate(names):
        place = 0.0
        for stage in build_on_meta(name).stages:
            for block in stage.blocks:
                kind = block.attn.rule.long_distance
                axis.add_patch(Rectangle((place, row - 0.35), 0.8, 0.7, facecolor=colours[kind]))
                text = 'LDA' if kind else 'SDA'
                axis.text(place + 0.4, row, text, **upright, fontsize=6, color=text_colour(colours[kind]))
                place += 0.9
                if block.cooling is not None:
                    axis.add_patch(Rectangle((place, row - 0.35), 0.4, 0.7, facecolor='black'))
                    axis.text(place + 0.2, row, 'ACL', **upright, fontsize=5, color='white')
                    place += 0.5
            place += 0.6
    axis.set_yticks(range(len(names)), names)
    axis.set(xlim=(-0.2, 36), ylim=(len(names) - 0.5, -0.5), xticks=[])
    axis.set_xlabel('depth; gaps are the embeddings between stages')
    axis.spines[:].set_visible(False)
    return figure


PICTURES: dict[str, Callable[[], Figure]] = dict(
    cel=draw_embeddings,
    groups=draw_grouping,
    photograph=draw_groups_on_photograph,
    dpb=draw_dynamic_bias,
    pgs=draw_group_sizes,
    acl=draw_cooling,
)

if __name__ == '__main__':
    main()
