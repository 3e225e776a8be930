"""Draws feature pyramids."""

from collections.abc import Sequence

import torch
from matplotlib.figure import Figure
from torch import Tensor

from mmcrossformer.utils.errors import UserError
from mmcrossformer.visual.placement import Placement
from mmcrossformer.visual.style import DIVERGING, add_scale, new_figure


def draw_pyramid(placement: Placement, features: Sequence[Tensor]) -> Figure:
    """Draws the first principal component of each map of a backbone.

    The component is the direction in which the channels of a map vary most from token to token. Its sign, which is
    arbitrary, is that of the larger extreme; values are in standard deviations.

    Args:
        placement: The image and its place in the input.
        features: Maps [1, C, h, w], any number of levels.

    Returns:
        A figure with the image and a panel for each level.

    Raises:
        UserError: A level has another shape, or contains values that are not finite.
    """
    for i, level in enumerate(features):
        if level.dim() != 4 or len(level) != 1:
            raise UserError(f'level {i} of the backbone has shape {list(level.shape)}; maps are [1, C, h, w]')
        if not level.isfinite().all():
            raise UserError(f'level {i} of the backbone contains values that are not finite: check the weights')
    height, width = placement.input_size
    panel = 12 / (len(features) + 1)
    figure = new_figure(12, min(12, max(2.4, panel * height / width + 1.2)), 'First principal component of each level')
    first, *axes = figure.subplots(1, len(features) + 1)
    placement.show(first)
    first.set_title(f'input\n{height} x {width} pixels', fontsize='medium')
    drawn = None
    for axis, level in zip(axes, features, strict=True):
        component, share = principal_component(level[0])
        rows, cols = component.shape
        drawn = axis.imshow(component.cpu().numpy(), cmap=DIVERGING, vmin=-3, vmax=3, interpolation='nearest')
        text = f'{rows} x {cols}, {level.shape[1]} channels\n{share:.0%} of the variance'
        axis.set_title(text, fontsize='medium')
        axis.set(xticks=[], yticks=[])
    if drawn is not None:
        add_scale(figure, drawn, axes, 'standard deviations', cut=True)
    return figure


def principal_component(level: Tensor) -> tuple[Tensor, float]:
    """Computes the first principal component of a map over its positions.

    Args:
        level: Map [C, h, w].

    Returns:
        The component [h, w] in standard deviations, 0 for a constant map; and its share of the variance.
    """
    x = level.flatten(1).double()
    x = x - x.mean(1, keepdim=True)
    _, singular, directions = torch.linalg.svd(x, full_matrices=False)
    total = singular.square().sum()
    if not total > 0:
        return x.new_zeros(level.shape[1:]), 0.0
    component = directions[0] * x.shape[1] ** 0.5
    component *= component[component.abs().argmax()].sign()
    return component.unflatten(0, level.shape[1:]), (singular[0].square() / total).item()
