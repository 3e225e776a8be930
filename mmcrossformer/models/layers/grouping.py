"""Short and long distance groups: which tokens of a map attend to each other.

CrossFormer (ICLR 2022), section 3.2.1. Both kinds of attention regroup the map and then run the same attention inside
each group, so both are one operation here: a group holds `size` tokens, `interval` rows and columns apart.

    interval 1 (SDA)        interval 2 (LDA), size 2
    a a | b b               a b a b        equal letters attend
    a a | b b               c d c d        to each other
    ----+----               a b a b
    c c | d d               c d c d

Shapes: B batch, H x W tokens, C channels, M groups of an image, N tokens of a group.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

# A map no larger than this is one group when its short side fits the group size. Longer maps are cut along their long
# side, so that memory grows linearly with the number of tokens (a 96 x 8192 image is a 6 x 512 map at stride 16).
WHOLE_MAP_TOKENS = 1024


@dataclass(frozen=True)
class Grouping:
    """How a map is cut into groups. Axis pairs are (rows, columns).

    Attributes:
        height: Rows of the map, in tokens.
        width: Columns of the map, in tokens.
        size: Tokens of a group along each axis.
        interval: Distance between neighbours of a group along each axis; 1 is a window.
    """

    height: int
    width: int
    size: tuple[int, int]
    interval: tuple[int, int]

    @property
    def regions(self) -> tuple[int, int]:
        """Regions of `size * interval` tokens that cover the map, along each axis."""
        return (
            math.ceil(self.height / (self.size[0] * self.interval[0])),
            math.ceil(self.width / (self.size[1] * self.interval[1])),
        )

    @property
    def padding(self) -> tuple[int, int]:
        """Rows added below and columns added on the right, to fill the last regions."""
        rows, cols = self.regions
        return (
            rows * self.size[0] * self.interval[0] - self.height,
            cols * self.size[1] * self.interval[1] - self.width,
        )

    @property
    def num_groups(self) -> int:
        """Groups of one image, those made of padding alone included."""
        return math.prod(self.regions) * math.prod(self.interval)


def short_distance(height: int, width: int, group_size: int) -> Grouping:
    """Groups of SDA: windows of `group_size` x `group_size` neighbours."""
    if min(height, width) <= group_size:
        return _whole_map(height, width, group_size, dilated=False)
    return Grouping(height, width, (group_size, group_size), (1, 1))


def long_distance(height: int, width: int, group_size: int, interval: int) -> Grouping:
    """Groups of LDA: `group_size` x `group_size` tokens that are `interval` apart, inside a region."""
    if min(height, width) <= group_size:
        return _whole_map(height, width, group_size, dilated=True)
    return Grouping(height, width, (group_size, group_size), (interval, interval))


def _whole_map(height: int, width: int, group_size: int, dilated: bool) -> Grouping:
    """One group for a map whose short side fits the group size; several along the long side of an elongated map."""
    limit = max(WHOLE_MAP_TOKENS, group_size**2)
    short, long = sorted((height, width))
    chunks = math.ceil(long / (limit // short))
    size, interval = (short, math.ceil(long / chunks)), (1, chunks if dilated else 1)
    if height > width:
        size, interval = size[::-1], interval[::-1]
    return Grouping(height, width, size, interval)


def group(x: Tensor, grouping: Grouping) -> Tensor:
    """Collects the tokens of each group, padding the map on the bottom and the right with zeros.

    Args:
        x: Map [B, H, W, C].
        grouping: How to cut it.

    Returns:
        Groups [B, M, N, C].
    """
    batch, _, _, channels = x.shape
    (rows, cols), (size_h, size_w) = grouping.regions, grouping.size
    (step_h, step_w), (pad_h, pad_w) = grouping.interval, grouping.padding
    if pad_h or pad_w:
        x = F.pad(x, (0, 0, 0, pad_w, 0, pad_h))
    # Row r*size*interval + g*interval + i is member g of group (r, i): region r, phase i.
    x = x.reshape(batch, rows, size_h, step_h, cols, size_w, step_w, channels)
    x = x.permute(0, 1, 3, 4, 6, 2, 5, 7)
    return x.reshape(batch, grouping.num_groups, size_h * size_w, channels)


def ungroup(x: Tensor, grouping: Grouping) -> Tensor:
    """Puts the tokens of each group back on the map and drops the padding. Inverse of `group`.

    Args:
        x: Groups [B, M, N, C].
        grouping: How the map was cut.

    Returns:
        Map [B, H, W, C].
    """
    batch, _, _, channels = x.shape
    (rows, cols), (size_h, size_w), (step_h, step_w) = grouping.regions, grouping.size, grouping.interval
    x = x.reshape(batch, rows, step_h, cols, step_w, size_h, size_w, channels)
    x = x.permute(0, 1, 5, 2, 3, 6, 4, 7)
    x = x.reshape(batch, rows * size_h * step_h, cols * size_w * step_w, channels)
    return x[:, : grouping.height, : grouping.width]


@dataclass(frozen=True)
class GroupTensors:
    """What every block with the same grouping shares; built once a stage and forward, never kept.

    Attributes:
        grouping: How the map is cut.
        is_padding: True where a group's token is padding, bool [M, 1, 1, N]; None if the map needs none.
        offsets: The distinct (row, column) offsets between two places of a group, where an interval counts as 1,
            [(2*Gh-1) * (2*Gw-1), 2].
        offset_index: For query i and key j the row of `offsets` that holds i - j, [N, N].
    """

    grouping: Grouping
    is_padding: Tensor | None
    offsets: Tensor
    offset_index: Tensor

    @classmethod
    def build(cls, grouping: Grouping, device: torch.device) -> 'GroupTensors':
        """Makes the tensors of a grouping on a device."""
        is_padding = None
        if any(grouping.padding):
            ones = torch.ones(1, grouping.height, grouping.width, 1, dtype=torch.bool, device=device)
            is_padding = ~group(ones, grouping)[0].transpose(1, 2).unsqueeze(1)
        return cls(grouping, is_padding, *relative_offsets(grouping.size, device))


def relative_offsets(size: tuple[int, int], device: torch.device | None = None) -> tuple[Tensor, Tensor]:
    """Lists the offsets that occur in a group, and which pair of tokens has which.

    Args:
        size: Rows and columns of the group, (Gh, Gw).
        device: Where the tensors go.

    Returns:
        Offsets [(2*Gh-1) * (2*Gw-1), 2] and index [N, N], so that `offsets[index[i, j]]` is position i - position j.
    """
    height, width = size
    offsets = torch.cartesian_prod(
        torch.arange(1 - height, height, device=device), torch.arange(1 - width, width, device=device)
    )
    tokens = torch.cartesian_prod(torch.arange(height, device=device), torch.arange(width, device=device))
    row, col = (tokens[:, None] - tokens[None, :]).unbind(-1)
    return offsets, (row + height - 1) * (2 * width - 1) + col + width - 1
