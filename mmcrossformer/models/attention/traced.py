"""Attention inside groups as torch operators alone, one graph for maps of any size: what exported programs contain.

`group_attention` chooses its loops by the size of the map, which a graph cannot. Here every group is gathered at its
full size and places beyond the map are masked. How the map is grouped is computed inside the graph, from its shape.
"""

from typing import cast

import torch
from torch import Tensor, nn

from mmcrossformer.models.attention.grouping import Places, Rule


def exported_attention(qkv: Tensor, pos_bias: nn.Module, rule: Rule, num_heads: int) -> Tensor:
    """Lets each token attend to its group; the numbers are those of `group_attention`.

    Args:
        qkv: Queries, keys and values [B, H, W, 3C], each with its heads one after another.
        pos_bias: Returns the bias of each offset for the rows and columns of a group.
        rule: How maps are grouped.
        num_heads: Number of heads; divides C.

    Returns:
        Map [B, H, W, C].
    """
    cut = CutMap(qkv, rule)
    return cut.join(attend_groups(cut.groups_of(qkv), pos_bias(cut.size), cut.size, num_heads, hidden=~cut.real))


def attend_groups(
    qkv: Tensor, table: Tensor, size: tuple[int, int], num_heads: int, hidden: Tensor | None = None
) -> Tensor:
    """Attention inside groups of one size.

    Args:
        qkv: Queries, keys and values [B, groups, N, 3C].
        table: Bias of each offset, [heads, P].
        size: Rows and columns of a group.
        num_heads: Number of heads.
        hidden: Places [groups, N] to which none attends.

    Returns:
        Groups [B, groups, N, C].
    """
    # From [B, groups, N, 3, heads, head_dim] to [3, B, groups, heads, N, head_dim].
    q, k, v = qkv.unflatten(-1, (3, num_heads, -1)).permute(3, 0, 1, 4, 2, 5)
    logits = (q * q.shape[-1] ** -0.5) @ k.transpose(-2, -1) + Places(size, size).bias(table, slice(None))
    if hidden is not None:
        # Half of the lowest number stays finite when a logit is added.
        logits = logits.masked_fill(hidden[:, None, None, :], torch.finfo(logits.dtype).min / 2)
    return (logits.softmax(-1).to(v.dtype) @ v).transpose(2, 3).flatten(3)


class BakedPositionBias(nn.Module):
    """A position bias as a table, for exported programs: nothing is computed, and nothing can be trained.

    Args:
        source: The dynamic position bias to compute it from.
        places: Rows, and columns, of the largest group that it covers.
    """

    table: Tensor

    def __init__(self, source: nn.Module, places: int) -> None:
        super().__init__()
        self.places = places
        with torch.no_grad():
            table = source((places, places)).unflatten(1, (2 * places - 1, 2 * places - 1))
        self.register_buffer('table', table.clone())

    def forward(self, size: tuple[int, int]) -> Tensor:
        """Reads the bias of every offset that occurs in a group.

        Args:
            size: Rows and columns of the group (Gh, Gw), in tokens.

        Returns:
            Bias [num_heads, (2 * Gh - 1) * (2 * Gw - 1)], in the order of `relative_offsets`.

        Raises:
            IndexError: A group larger than the table.
        """
        rows, cols = (torch.arange(2 * side - 1, device=self.table.device) + (self.places - side) for side in size)
        return self.table[:, rows[:, None], cols].flatten(1)


class CutMap:
    """A map cut into groups of one size inside a graph: which token each place of each group is, and the inverse.

    Args:
        x: Any map [B, H, W, C] of the size in question.
        rule: How maps are grouped.

    Attributes:
        size: Rows and columns of a group.
        real: Which places of the groups, [groups, N], are not beyond the map.
    """

    def __init__(self, x: Tensor, rule: Rule) -> None:
        self.height, self.width = height, width = x.shape[1:3]
        sides = torch.stack([torch.scalar_tensor(side, dtype=torch.int64) for side in (height, width)])
        axes = zip((height, width), sides.unbind(), *rule.cut(*sides.unbind()), strict=True)
        rows, cols = (_Axis(*axis) for axis in axes)
        self.size = rows.size, cols.size
        # Places beyond the map read some token of it.
        places, inside = rows.places(), cols.places()
        index = places.clamp(max=height - 1)[:, None, :, None] * width + inside.clamp(max=width - 1)[None, :, None, :]
        real = (places < height)[:, None, :, None] & (inside < width)[None, :, None, :]
        tokens = rows.size * cols.size
        self._index, self.real = (x.reshape(rows.groups * cols.groups, tokens) for x in (index, real))
        (row_group, row_place), (col_group, col_place) = rows.position(), cols.position()
        back = (row_group[:, None] * cols.groups + col_group) * tokens + row_place[:, None] * cols.size + col_place
        self._back = back.flatten()

    def groups_of(self, x: Tensor) -> Tensor:
        """Turns a map [B, H, W, C] into groups [B, groups, N, C]; `real` marks the places on the map."""
        return x.flatten(1, 2)[:, self._index]

    def join(self, groups: Tensor) -> Tensor:
        """Turns groups [B, groups, N, C] back into a map [B, H, W, C]."""
        return groups.flatten(1, 2)[:, self._back].unflatten(1, (self.height, self.width))


class _Axis:
    """Groups along an axis. Sizes are read out of tensors: a graph learns these numbers when it runs."""

    def __init__(self, length: int, side: Tensor, size: Tensor | int, interval: Tensor | int) -> None:
        self.length = length
        self.interval = interval = interval if isinstance(interval, Tensor) else torch.full_like(side, interval)
        self.region = size * interval
        self.size = size if isinstance(size, int) else _read(size)
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


def _read(number: Tensor) -> int:
    value = cast(int, number.item())  # while it is traced, a symbol: int() would fix it
    torch._check(value >= 1)
    return value
