"""Slow, obvious CrossFormer and CrossFormer++, token by token, to test fast code against.

Nothing here masks, windows or regroups tokens: for each query token plain integer arithmetic says
which tokens of the map it attends to.

Papers: CrossFormer (arXiv 2108.00154), CrossFormer++ (arXiv 2303.06908). Weights carry the names of
the official checkpoints. One image at a time, in float64, maps as [H, W, C].
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, partial
from math import ceil

import torch
import torch.nn.functional as F
from torch import Tensor

Params = dict[str, Tensor]


def group_rule(
    height: int, width: int, *, group_size: int, interval: int, long_distance: bool, scope: str
) -> tuple[tuple[int, int], tuple[int, int]]:
    """(span, step) for rows and for columns (CrossFormer, L/SDA).

    Two tokens share a group when, along both axes, their positions lie in the same stretch of
    `span` tokens (the first starts at 0) and are equal modulo `step`. In scope 'map' the stretch of
    long-distance attention is the whole axis, in scope 'block' G * I tokens.
    """
    short, long = sorted((height, width))
    if scope == 'map':
        if short <= group_size:
            return (short, 1), (short, 1)
        return ((height, interval), (width, interval)) if long_distance else ((group_size, 1), (group_size, 1))
    limit = max(1024, group_size**2)
    if short > group_size:
        rule = (group_size * interval, interval) if long_distance else (group_size, 1)
        return rule, rule
    if height * width <= limit:  # a small map is one group, SDA and LDA alike
        return (height, 1), (width, 1)
    # An elongated map is cut along its long side, into runs (SDA) or interleaved combs (LDA).
    count = ceil(long / (limit // short))
    cut = (long, count) if long_distance else (ceil(long / count), 1)
    return (cut, (short, 1)) if height > width else ((short, 1), cut)


def group_members(
    height: int,
    width: int,
    row: int,
    col: int,
    *,
    group_size: int,
    interval: int,
    long_distance: bool,
    scope: str,
) -> list[tuple[int, int]]:
    """Tokens that token (row, col) attends to, itself included, row-major."""
    (row_span, row_step), (col_span, col_step) = group_rule(
        height, width, group_size=group_size, interval=interval, long_distance=long_distance, scope=scope
    )
    return [
        (r, c)
        for r in range(height)
        if r // row_span == row // row_span and r % row_step == row % row_step
        for c in range(width)
        if c // col_span == col // col_span and c % col_step == col % col_step
    ]


def position_bias(params: Params, row_offset: int, col_offset: int) -> Tensor:
    """Dynamic position bias of one offset -> [heads] (CrossFormer, DPB)."""
    offset = torch.tensor([row_offset, col_offset], dtype=torch.float64)
    x = linear(offset, params, 'pos.pos_proj')
    for name in ('pos.pos1', 'pos.pos2', 'pos.pos3'):
        x = linear(F.relu(layer_norm(x, params, f'{name}.0')), params, f'{name}.2')
    return x


def attention(
    x: Tensor, params: Params, *, heads: int, group_size: int, interval: int, long_distance: bool, scope: str
) -> Tensor:
    """Attention of each token over its group: [H, W, C] -> [H, W, C] (CrossFormer, L/SDA).

    `x` is normalised; `params` has the official names below `attn.`; both are float64.
    `long_distance` chooses long-distance attention (LDA), else it is short-distance (SDA); `scope` is 'map' or 'block'.
    """
    height, width, channels = x.shape
    rule = {'group_size': group_size, 'interval': interval, 'long_distance': long_distance, 'scope': scope}
    (_, row_step), (_, col_step) = group_rule(height, width, **rule)
    q, k, v = linear(x, params, 'qkv').split(channels, dim=-1)
    scale = (channels // heads) ** -0.5
    bias = cache(partial(position_bias, params))
    out = []
    for row in range(height):
        for col in range(width):
            members = group_members(height, width, row, col, **rule)
            rows, cols = torch.tensor(members).T
            keys, values = k[rows, cols], v[rows, cols]  # [members, C]
            # The bias counts in places of the group: neighbours in a dilated group are 1 apart.
            offsets = [((row - r) // row_step, (col - c) // col_step) for r, c in members]
            biases = torch.stack([bias(*offset) for offset in offsets])  # [members, heads]
            for head in range(heads):
                part = slice(head * channels // heads, (head + 1) * channels // heads)
                logits = keys[:, part] @ q[row, col, part] * scale + biases[:, head]
                out.append(logits.softmax(dim=0) @ values[:, part])
    return linear(torch.cat(out).view(height, width, channels), params, 'proj')


def cross_scale_embed(x: Tensor, params: Params, name: str, *, stride: int) -> Tensor:
    """Convolutions of several kernel sizes, concatenated, without the norm (CrossFormer, CEL).

    `params` has `{name}.0.weight`, `{name}.0.bias`, `{name}.1.weight`, ...; `name` is
    `patch_embed.projs` (stride 4) or `layers.{i}.downsample.reductions` (stride 2).
    [H, W, C], any H and W -> [ceil(H / stride), ceil(W / stride), sum of the output channels].
    """
    height, width, _ = x.shape
    # Zeros on the bottom and right, so that the last rows and columns are not dropped.
    x = F.pad(x, (0, 0, 0, -width % stride, 0, -height % stride))
    maps = []
    while f'{name}.{len(maps)}.weight' in params:
        kernel = params[f'{name}.{len(maps)}.weight'].shape[-1]
        padding = (kernel - stride) // 2
        maps.append(conv(x, params, f'{name}.{len(maps)}', stride=stride, padding=padding))
    return torch.cat(maps, dim=-1)


def forward(
    state_dict: Params,
    image: Tensor,
    *,
    depths: Sequence[int],
    heads: Sequence[int],
    group_size: Sequence[int | Sequence[int]],
    interval: Sequence[int | Sequence[int]],
    cooling: bool,
    scope: str,
    adaptive_interval: bool = False,
) -> list[Tensor]:
    """Outputs of all stages, un-normed, in evaluation mode.

    Args:
        state_dict: official names without a prefix; entries of no use here are ignored.
        image: [3, H, W].
        depths: blocks of each stage.
        heads: heads of each stage.
        group_size: G of each stage, or for each stage a list of the G of its blocks.
        interval: I, in the same form.
        cooling: cool after every third block but the last of a stage (CrossFormer++).
        scope: what long-distance groups span, 'map' or 'block'.
        adaptive_interval: I = ceil(max(h, w) / G) on a map of h x w, whatever `interval` says.

    Returns:
        [C_i, ceil(H / (4 * 2**i)), ceil(W / (4 * 2**i))] for each stage i.
    """
    w = {name: value.double() for name, value in state_dict.items()}
    x = cross_scale_embed(image.double().permute(1, 2, 0), w, 'patch_embed.projs', stride=4)
    x = layer_norm(x, w, 'patch_embed.norm')
    outputs = []
    for i, depth in enumerate(depths):
        if i > 0:
            x = layer_norm(x, w, f'layers.{i - 1}.downsample.norm')
            x = cross_scale_embed(x, w, f'layers.{i - 1}.downsample.reductions', stride=2)
        for j in range(depth):
            name = f'layers.{i}.blocks.{j}'
            g, step = (s[i] if isinstance(s[i], int) else s[i][j] for s in (group_size, interval))
            x = x + attention(
                layer_norm(x, w, f'{name}.norm1'),
                {k.removeprefix(f'{name}.attn.'): v for k, v in w.items() if f'{name}.attn.' in k},
                heads=heads[i],
                group_size=g,
                interval=ceil(max(x.shape[:2]) / g) if adaptive_interval else step,
                long_distance=j % 2 == 1,
                scope=scope,
            )
            hidden = F.gelu(linear(layer_norm(x, w, f'{name}.norm2'), w, f'{name}.mlp.fc1'))
            x = x + linear(hidden, w, f'{name}.mlp.fc2')
            if cooling and (j + 1) % 3 == 0 and j < depth - 1:
                # The activation cooling layer (CrossFormer++, ACL) has no residual.
                x = conv(x, w, f'{name}.ex_conv', padding=1, groups=x.shape[-1])
                x = layer_norm(x, w, f'{name}.ex_ln')
        outputs.append(x.permute(2, 0, 1))
    return outputs


def linear(x: Tensor, params: Params, name: str) -> Tensor:
    """Affine map of the last axis."""
    return F.linear(x, params[f'{name}.weight'], params[f'{name}.bias'])


def conv(x: Tensor, params: Params, name: str, **kwargs: int) -> Tensor:
    """Convolution of a map [H, W, C]; `kwargs` are those of `conv2d`."""
    weight, bias = params[f'{name}.weight'], params[f'{name}.bias']
    return F.conv2d(x.permute(2, 0, 1), weight, bias, **kwargs).permute(1, 2, 0)


def layer_norm(x: Tensor, params: Params, name: str) -> Tensor:
    """LayerNorm over the last axis."""
    return F.layer_norm(x, x.shape[-1:], params[f'{name}.weight'], params[f'{name}.bias'], eps=1e-5)
