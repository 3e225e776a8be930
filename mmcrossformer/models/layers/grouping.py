"""Short and long distance groups: which tokens of a map attend to each other.

CrossFormer (ICLR 2022), section 3.2.1. Both kinds of attention regroup the map and then run the same attention inside
each group, so both are one operation here: a group holds `size` tokens, `interval` rows and columns apart.

    interval 1 (SDA)        interval 2 (LDA), size 2
    a a | b b               a b a b        equal letters attend
    a a | b b               c d c d        to each other
    ----+----               a b a b
    c c | d d               c d c d

The axes of a map are independent: a group is some rows crossed with some columns. Where the map ends inside a region,
groups are smaller. They are computed at the size that they have, so that nothing is ever padded or masked: along an
axis, the groups of one size make a `Run`.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

# A map no larger than this is one group when its short side fits the group size. Longer maps are cut along their long
# side, so that memory grows linearly with the number of tokens (a 96 x 8192 image is a 6 x 512 map at stride 16).
WHOLE_MAP_TOKENS = 1024


class Run(NamedTuple):
    """Groups along one axis that have the same number of members.

    Member m of the group with phase p in region r is row (or column)
    `start + (r * members + m) * interval + p`.

    Attributes:
        start: First row of the first group.
        regions: Number of regions.
        members: Rows of a group.
        phases: Groups in a region, interleaved.
        interval: Distance between the rows of a group.
    """

    start: int
    regions: int
    members: int
    phases: int
    interval: int


@dataclass(frozen=True)
class Grouping:
    """How a map is cut into groups. Axis pairs are (rows, columns).

    Attributes:
        height: Rows of the map, in tokens.
        width: Columns of the map, in tokens.
        size: Tokens of a full group along each axis.
        interval: Distance between neighbours of a group along each axis; 1 is a window.
    """

    height: int
    width: int
    size: tuple[int, int]
    interval: tuple[int, int]

    @property
    def runs(self) -> tuple[list[Run], list[Run]]:
        """The groups along the rows and along the columns: each run of rows crosses each run of columns."""
        return _runs(self.height, self.size[0], self.interval[0]), _runs(self.width, self.size[1], self.interval[1])

    def group_of(self, row: int, col: int) -> tuple[range, range]:
        """Rows and columns of the group in which the token at (row, col) attends, itself among them.

        Raises:
            ValueError: A place outside the map.
        """
        if not (0 <= row < self.height and 0 <= col < self.width):
            raise ValueError(f'the map has {self.height} x {self.width} tokens, got row {row}, column {col}')
        rows, cols = self.runs
        return _members(rows, row), _members(cols, col)


@dataclass(frozen=True)
class GroupRule:
    """How maps of any size are grouped.

    Attributes:
        size: Group size G.
        interval: Interval I of long distance attention; 0 takes the smallest whose region covers the map.
        long_distance: Whether groups are spread out (LDA) or windows (SDA).
        whole_small_maps: Whether a map whose short side fits G is one group (CrossFormer), or cut like any other (CAT).
    """

    size: int
    interval: int
    long_distance: bool
    whole_small_maps: bool = True

    def __call__(self, height: int, width: int) -> Grouping:
        """Groups of a map of `height` x `width` tokens."""
        if self.whole_small_maps and min(height, width) <= self.size:
            return self._whole_map(height, width)
        interval = 1
        if self.long_distance:
            interval = self.interval or -(-max(height, width) // self.size)
        return Grouping(height, width, (self.size, self.size), (interval, interval))

    def _whole_map(self, height: int, width: int) -> Grouping:
        """One group for a map whose short side fits the group size; several along the long side of an elongated map."""
        limit = max(WHOLE_MAP_TOKENS, self.size**2)
        short, long = min(height, width), max(height, width)
        chunks = -(-long // (limit // short))
        size, interval = (short, -(-long // chunks)), (1, chunks if self.long_distance else 1)
        if height > width:
            size, interval = size[::-1], interval[::-1]
        return Grouping(height, width, size, interval)


def _runs(length: int, size: int, interval: int) -> list[Run]:
    """Cuts an axis: full regions, then the groups of the last region, the first of which may have a row more."""
    regions = length // (size * interval)
    start = regions * size * interval
    members, longer = divmod(length - start, interval)
    runs = [
        Run(0, regions, size, interval, interval),
        Run(start, 1, members + 1, longer, interval),
        Run(start + longer, 1, members, interval - longer, interval),
    ]
    return [run for run in runs if run.regions and run.members and run.phases]


def _members(runs: list[Run], place: int) -> range:
    """Rows of the group that holds a row; every row is in one."""
    for run in runs:
        step, phase = divmod(place - run.start, run.interval)
        region = step // run.members
        if place >= run.start and phase < run.phases and region < run.regions:
            first = run.start + region * run.members * run.interval + phase
            return range(first, first + (run.members - 1) * run.interval + 1, run.interval)
    raise AssertionError(f'row {place} is in none of {runs}')


def split_axis(x: Tensor, dim: int, run: Run) -> Tensor:
    """Splits an axis of a tensor into groups, as a view.

    Args:
        x: Any tensor.
        dim: The axis, counted from the front.
        run: Which groups.

    Returns:
        A view with (regions, members) in place of the axis, and the phases as a further, last axis.
    """
    span = (run.regions * run.members - 1) * run.interval + run.phases
    x = x.narrow(dim, run.start, span).unfold(dim, run.phases, run.interval)
    return x.unflatten(dim, (run.regions, run.members))


def relative_offsets(size: tuple[int, int], device: torch.device | None = None) -> Tensor:
    """Lists the (row, column) offsets that occur between two places of a group, where an interval counts as 1.

    Args:
        size: Rows and columns of the group, (Gh, Gw).
        device: Where the tensor goes.

    Returns:
        Offsets [P, 2], P = (2*Gh-1) * (2*Gw-1), rows before columns, from (1-Gh, 1-Gw) on.
    """
    height, width = size
    return torch.cartesian_prod(
        torch.arange(1 - height, height, device=device), torch.arange(1 - width, width, device=device)
    )


def spread_bias(table: Tensor, size: tuple[int, int]) -> Tensor:
    """Turns the biases of distinct offsets into those of pairs of places.

    A smaller group has the first members of each axis: its biases are a corner of the result.

    Args:
        table: Bias of each offset in the order of `relative_offsets`, [heads, P].
        size: Rows and columns of the group, (Gh, Gw).

    Returns:
        Bias [heads, Gh, Gw, Gh, Gw], of queries (first pair of axes) and keys.
    """
    index = _offset_index(size, table.device)
    return table.index_select(1, index.flatten()).unflatten(1, index.shape)


def gather_bias(bias: Tensor, size: tuple[int, int]) -> Tensor:
    """Sums biases of pairs of places by their offset: the transpose of `spread_bias`, for gradients."""
    index = _offset_index(size, bias.device)
    table = bias.new_zeros(bias.shape[0], (2 * size[0] - 1) * (2 * size[1] - 1))
    return table.index_add_(1, index.flatten(), bias.flatten(1))


def _offset_index(size: tuple[int, int], device: torch.device) -> Tensor:
    """For each query and key the row of `relative_offsets` that holds query - key, [Gh, Gw, Gh, Gw]."""
    height, width = size
    rows, cols = torch.arange(height, device=device), torch.arange(width, device=device)
    row = rows[:, None, None, None] - rows[:, None] + height - 1
    col = cols[:, None, None] - cols + width - 1
    return row * (2 * width - 1) + col
