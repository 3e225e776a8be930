"""Short and long distance groups: which tokens of a map attend to each other.

CrossFormer (ICLR 2022), section 3.2.1. Both kinds of attention regroup the map and then run the same attention inside
each group, so both are one operation here: a group holds some tokens, `interval` rows and columns apart.

    SDA, G = 2      LDA, I = 2, scope map    LDA, G = 2, I = 2, scope block
    a a b b c c     a b a b a b              a b a b | e f
    a a b b c c     c d c d c d              c d c d | g h
    d d e e f f     a b a b a b              a b a b | e f     equal letters attend
    d d e e f f     c d c d c d              c d c d | g h     to each other
    g g h h i i     a b a b a b              --------+----
    g g h h i i     c d c d c d              i j i j | m n

The axes of a map are independent: a group is some rows crossed with some columns. Where the map ends inside a region,
groups are smaller. They are computed at their own size, so nothing is padded or masked: along an axis, the groups of
one size are a `Run`.

`GroupRule` alone says how a map is cut. It computes with numbers, and with tensors in exported graphs, whose map has a
size only when they run.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeAlias, TypeVar, get_args

import torch
from torch import Tensor

LDAScope: TypeAlias = Literal['map', 'block']
LDA_SCOPES: tuple[LDAScope, ...] = get_args(LDAScope)

# In scope `block`, a map of at most so many tokens whose short side fits the group size is one group. Longer maps are
# cut along their long side, so that time grows linearly with the tokens (96 x 8192 pixels are 6 x 512 at stride 16).
WHOLE_MAP_TOKENS = 1024

N = TypeVar('N', int, Tensor)
Cut: TypeAlias = tuple[tuple[N | int, N | int], tuple[N | int, N | int]]


class Run(NamedTuple):
    """Groups along one axis that have the same number of members.

    Member m of the group with phase p in region r is row (or column) `start + (r * members + m) * interval + p`.

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

    def groups(self) -> Iterator[range]:
        """The rows of each group."""
        for region, phase in itertools.product(range(self.regions), range(self.phases)):
            first = self.start + region * self.members * self.interval + phase
            yield range(first, first + self.members * self.interval, self.interval)


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

    def of_strip(self, rows: Run) -> 'Grouping':
        """Returns how a strip is cut, if it is a map of its own: one group of rows with all columns."""
        return Grouping(rows.members, self.width, self.size, (1, self.interval[1]))

    def group_of(self, row: int, col: int) -> tuple[range, range]:
        """Returns the rows and columns of the group of the token at (row, col), its own included.

        Raises:
            ValueError: A row or column outside the map.
        """
        if not (0 <= row < self.height and 0 <= col < self.width):
            raise ValueError(f'the map has {self.height} x {self.width} tokens, got row {row}, column {col}')
        rows, cols = (
            next(group for run in runs for group in run.groups() if place in group)
            for runs, place in zip(self.runs, (row, col), strict=True)
        )
        return rows, cols


def grouping_of(shape: Sequence[int], size: Sequence[int], interval: Sequence[int]) -> Grouping:
    """Returns how a map [B, H, W, ...] is cut: operators take a grouping as lists of numbers."""
    height, width = shape[1:3]
    (size_h, size_w), (interval_h, interval_w) = size, interval
    return Grouping(height, width, (size_h, size_w), (interval_h, interval_w))


class Rule:
    """How maps of any size are grouped; see `GroupRule` for the attributes."""

    size: int
    long_distance: bool

    def cut(self, height: N, width: N) -> Cut[N]:
        """Returns the tokens of a full group and the interval, each along (rows, columns)."""
        raise NotImplementedError

    def __call__(self, height: int, width: int) -> Grouping:
        """Returns how a map of `height` x `width` tokens is cut."""
        return Grouping(height, width, *self.cut(height, width))


@dataclass(frozen=True)
class GroupRule(Rule):
    """How CrossFormer groups maps of any size.

    Attributes:
        size: Group size G, in tokens.
        interval: Interval I of long distance attention; 0 is the smallest whose (G*I) x (G*I) covers the map.
        long_distance: Whether groups are spread out (LDA) or windows (SDA).
        scope: What a long distance group spans: the whole map, where every I-th row and column belong to it whatever G
            is, or a block of (G*I) x (G*I) tokens. Maps whose short side is at most G have windows of the short side
            (map) or are one group (block), for SDA and LDA.
    """

    size: int
    interval: int
    long_distance: bool
    scope: LDAScope

    def cut(self, height: N, width: N) -> Cut[N]:
        """Returns the tokens of a full group and the interval, each along (rows, columns), as `scope` says."""
        short = _least(height, width)
        long = height + width - short
        (rows, row_interval), (cols, col_interval) = (self._cut_axis(side, short, long) for side in (height, width))
        return (rows, cols), (row_interval, col_interval)

    def _cut_axis(self, side: N, short: N, long: N) -> tuple[N | int, N | int]:
        """Tokens of a full group and interval along one side of a map. A graph computes both arms of `_either`."""
        is_small = short <= self.size
        interval = 1 if not self.long_distance else self.interval or -(-long // self.size)
        if self.scope == 'map':
            if not self.long_distance:
                return _least(short, self.size), 1
            return _either(is_small, short, -(-side // interval)), _either(is_small, 1, interval)
        # A small map is one group, or several along its long side; its short side always fits.
        groups = -(-side // (max(WHOLE_MAP_TOKENS, self.size**2) // _least(short, self.size)))
        apart = groups if self.long_distance else 1
        return _either(is_small, -(-side // groups), self.size), _either(is_small, apart, interval)


def _least(a: N, b: N | int) -> N:
    return a.clamp(max=b) if isinstance(a, Tensor) else min(a, b)


def _either(condition: bool | Tensor, a: Any, b: Any) -> Any:
    """Returns the first number where the condition holds, else the second."""
    return torch.where(condition, a, b) if isinstance(condition, Tensor) else (a if condition else b)


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


def split_axis(x: Tensor, dim: int, run: Run) -> Tensor:
    """Splits an axis of a tensor into groups, as a view.

    Args:
        x: Any tensor.
        dim: The axis, counted from the front.
        run: Which groups.

    Returns:
        A view with (regions, members) instead of the axis, and the phases as a further, last axis.
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


@dataclass(frozen=True)
class Places:
    """The places of groups of one size, counted row by row, and the position biases of pairs of them.

    The offset of two places has row (di + Gh - 1) * (2*Gw - 1) + dj + Gw - 1 of `relative_offsets`: a term of the query
    minus one of the key plus the middle.

    Attributes:
        full: Rows and columns of the largest groups of the map, (Gh, Gw); the table of biases has their offsets.
        size: Rows and columns of these groups, no more than those.
    """

    full: tuple[int, int]
    size: tuple[int, int]

    def bias(self, table: Tensor, queries: slice) -> Tensor:
        """Looks up the biases of some queries with all keys: table [heads, P] to [heads, Q, N]."""
        index = self._offsets(queries, table.device)
        return table.index_select(1, index.flatten()).unflatten(1, index.shape)

    def add_gradient(self, grad_table: Tensor, grad_bias: Tensor, queries: slice) -> None:
        """Adds the gradient of what `bias` returned, [heads, Q, N], to that of the table."""
        index = self._offsets(queries, grad_table.device)
        grad_table.index_add_(1, index.flatten(), grad_bias.flatten(1))

    def _offsets(self, queries: slice, device: torch.device) -> Tensor:
        """Rows of `relative_offsets`, [Q, N]."""
        pitch = 2 * self.full[1] - 1
        rows, cols = (torch.arange(side, device=device) for side in self.size)
        term = (rows[:, None] * pitch + cols).flatten()
        return term[queries, None] - term + (self.full[0] - 1) * pitch + self.full[1] - 1
