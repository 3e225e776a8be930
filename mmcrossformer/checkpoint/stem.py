"""Filters of the stem for images of other channels."""

from collections.abc import Mapping

import torch
from torch import Tensor


def fit_stem(weights: Mapping[str, Tensor], in_channels: int) -> dict[str, Tensor]:
    """Changes the number of input channels of the stem's filters.

    For fewer channels the filters are averaged over theirs, for more they are repeated cyclically. Both are scaled so
    that the output for an image of equal channels stays the same.

    Args:
        weights: Weights of a backbone, under the names used here.
        in_channels: Channels of the images.

    Returns:
        The weights, with new tensors for the stem.
    """
    fitted = dict(weights)
    for name, filters in weights.items():
        channels = filters.shape[1] if filters.dim() == 4 else in_channels
        if name.startswith('stages.0.embed.convs.') and channels != in_channels:
            source = filters.sum(dim=1, keepdim=True) if in_channels < channels else filters
            turns = torch.arange(in_channels) % source.shape[1]
            fitted[name] = source[:, turns] / turns.bincount()[turns].view(1, -1, 1, 1)
    return fitted
