"""Attention inside groups as torch operators alone, one graph for maps of any size: what exported programs contain.

`group_attention` chooses its loops by the size of the map, which a graph cannot. Here every group is gathered at its
full size and places beyond the map are masked. How the map is grouped is computed inside the graph, from its shape.
"""

from typing import cast

import torch
from torch import Tensor, nn

from mmcrossformer.models.layers.grouping import WHOLE_MAP_TOKENS, GroupRule, spread_bias


def exported_attention(qkv: Tensor, pos_bias: nn.Module, rule: GroupRule, num_heads: int) -> Tensor:
    """Lets each token attend to its group; the numbers are those of `group_attention`.

    Args:
        qkv: Queries, keys and values [B, H, W, 3C], each with its heads one after another.
        pos_bias: Gives the bias of each offset for the rows and columns of a group.
        rule: How maps are grouped.
        num_heads: Number of heads; divides C.

    Returns:
        Map [B, H, W, C].
    """
    height, width = qkv.shape[1:3]
    sides = torch.stack([torch.scalar_tensor(side, dtype=torch.int64) for side in (height, width)])
    axes = zip((height, width), sides.unbind(), *_grouping(rule, sides), strict=True)
    rows, cols = (_Axis(*axis) for axis in axes)
    table = pos_bias((rows.size, cols.size))

    # Tokens of each group, [groups, N]; places beyond the map read some token of it, and are masked.
    places, inside = rows.places(), cols.places()
    index = places.clamp(max=height - 1)[:, None, :, None] * width + inside.clamp(max=width - 1)[None, :, None, :]
    real = (places < height)[:, None, :, None] & (inside < width)[None, :, None, :]
    tokens = rows.size * cols.size
    index, real = (x.reshape(rows.groups * cols.groups, tokens) for x in (index, real))
    q, k, v = qkv.flatten(1, 2)[:, index].unflatten(-1, (3, num_heads, -1)).permute(3, 0, 1, 4, 2, 5)

    bias = spread_bias(table, (rows.size, cols.size)).reshape(num_heads, tokens, tokens)
    logits = (q * q.shape[-1] ** -0.5) @ k.transpose(-2, -1) + bias
    # Half of the smallest number stays finite when a logit is added.
    logits = logits.masked_fill(~real[:, None, None, :], torch.finfo(logits.dtype).min / 2)
    out = (logits.softmax(-1).to(v.dtype) @ v).transpose(2, 3).flatten(3).flatten(1, 2)

    (row_group, row_place), (col_group, col_place) = rows.position(), cols.position()
    back = (row_group[:, None] * cols.groups + col_group) * tokens + row_place[:, None] * cols.size + col_place
    return out[:, back.flatten()].unflatten(1, (height, width))


class _Axis:
    """Groups along an axis. Sizes are read out of tensors: a graph learns these numbers when it runs."""

    def __init__(self, length: int, side: Tensor, size: Tensor, interval: Tensor) -> None:
        self.length, self.interval = length, interval
        self.region = size * interval
        self.size = _read(size)
        # Groups of padding alone, in the last region, are left out.
        self.groups = _read(side // self.region * interval + torch.minimum(interval, side % self.region))

    def places(self) -> Tensor:
        """Row of each member of each group, [groups, size]; beyond the map for some."""
        group = torch.arange(self.groups, device=self.interval.device)[:, None]
        member = torch.arange(self.size, device=self.interval.device)
        return (group // self.interval * self.size + member) * self.interval + group % self.interval

    def position(self) -> tuple[Tensor, Tensor]:
        """Group and member of each row, [length] each."""
        row = torch.arange(self.length, device=self.interval.device)
        group = row // self.region * self.interval + row % self.interval
        return group, row % self.region // self.interval


def _grouping(rule: GroupRule, sides: Tensor) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """Sizes and intervals along (rows, columns), as `GroupRule` gives them, in tensors."""
    short, long = sides.min(), sides.max()
    interval: int | Tensor = 1
    if rule.long_distance:
        interval = rule.interval or -(-long // rule.size)
    # A map whose short side fits is one group, or several along its long side.
    is_whole, is_long_side = (short <= rule.size) & rule.whole_small_maps, sides > short
    limit = torch.full_like(short, max(WHOLE_MAP_TOKENS, rule.size**2))
    chunks = -(-long // (limit // short.clamp(max=rule.size)))
    whole_size = torch.where(is_long_side, -(-long // chunks), sides)
    whole_interval = torch.where(is_long_side, chunks, 1) if rule.long_distance else 1
    size = torch.where(is_whole, whole_size, rule.size)
    return size.unbind(), torch.where(is_whole, whole_interval, interval).expand(2).unbind()


def _read(number: Tensor) -> int:
    value = cast(int, number.item())  # while it is traced, a symbol: int() would fix it
    torch._check(value >= 1)
    return value
