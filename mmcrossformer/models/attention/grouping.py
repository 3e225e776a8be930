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
groups are smaller. They are computed at the size that they have, so that nothing is ever padded or masked: along an
axis, the groups of one size make a `Run`.

`GroupRule` is the one place that says how a map is cut. It computes with numbers, and with tensors where an exported
graph learns the size of its map when it runs.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple, TypeAlias, TypeVar, cast, get_args

import torch
from torch import Tensor

LDAScope: TypeAlias = Literal['map', 'block']
LDA_SCOPES: tuple[LDAScope, ...] = get_args(LDAScope)

# In scope `block`, a map no larger than this is one group when its short side fits the group size. Longer maps are cut
# along their long side, so that time grows linearly with the number of tokens (a 96 x 8192 image is a 6 x 512 map at
# stride 16).
WHOLE_MAP_TOKENS = 1024

N = TypeVar('N', int, Tensor)
Cut: TypeAlias = tuple[tuple[N, N], tuple[N, N]]


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
class Windows:
    """Windows of one size on maps of any size, as CAT has them.

    Attributes:
        size: Tokens along a side.
    """

    size: int
    long_distance: ClassVar[bool] = False

    def cut(self, height: int | Tensor, width: int | Tensor) -> Cut[int]:
        """Returns `size` and interval 1 along both axes."""
        return (self.size, self.size), (1, 1)

    def __call__(self, height: int, width: int) -> Grouping:
        """Groups of a map of `height` x `width` tokens."""
        return Grouping(height, width, *self.cut(height, width))


@dataclass(frozen=True)
class GroupRule:
    """How CrossFormer groups maps of any size.

    Attributes:
        size: Group size G.
        interval: Interval I of long distance attention; 0 takes the smallest whose (G*I) x (G*I) covers the map.
        long_distance: Whether groups are spread out (LDA) or windows (SDA).
        scope: What a long distance group spans: the whole map, where every I-th row and column belong to it whatever G
            is, or a block of (G*I) x (G*I) tokens. It also decides about maps whose short side is at most G: windows of
            the short side (map) or one group (block), SDA and LDA alike.
    """

    size: int
    interval: int
    long_distance: bool
    scope: LDAScope

    def cut(self, height: N, width: N) -> Cut[N]:
        """Returns the tokens of a full group and the interval, each along (rows, columns)."""
        short, long = _least(height, width), _largest(height, width)
        interval = _constant(1, height)
        if self.long_distance:
            spread = _constant(self.interval, height) if self.interval else -(-long // self.size)
            interval = _either(short <= self.size, interval, spread)
        if self.scope == 'block':
            return self._cut_blocks(height, width, short, long, interval)
        if not self.long_distance:
            side = _least(short, _constant(self.size, height))
            return (side, side), (interval, interval)
        small = short <= self.size
        sides = (_either(small, short, -(-side // interval)) for side in (height, width))
        return cast(tuple[N, N], tuple(sides)), (interval, interval)

    def _cut_blocks(self, height: N, width: N, short: N, long: N, interval: N) -> Cut[N]:
        """One group for a map whose short side fits G, or several along its long side if it is elongated."""
        small, size = short <= self.size, _constant(self.size, height)
        limit = max(WHOLE_MAP_TOKENS, self.size**2)
        # Where the map is not small this is not used, but a graph computes it all the same.
        chunks = -(-long // (limit // _least(short, size)))
        along, apart = -(-long // chunks), chunks if self.long_distance else _constant(1, height)
        sizes, intervals = [], []
        for side in (height, width):
            is_long = side > short
            sizes.append(_either(small, _either(is_long, along, side), size))
            intervals.append(_either(small, _either(is_long, apart, _constant(1, height)), interval))
        return (sizes[0], sizes[1]), (intervals[0], intervals[1])

    def __call__(self, height: int, width: int) -> Grouping:
        """Groups of a map of `height` x `width` tokens."""
        return Grouping(height, width, *self.cut(height, width))


Rule: TypeAlias = GroupRule | Windows


def _constant(number: int, like: N) -> N:
    """The number as what `like` is: a number, or a tensor of a graph."""
    return torch.full_like(like, number) if isinstance(like, Tensor) else number


def _least(a: N, b: N) -> N:
    return torch.minimum(a, b) if isinstance(a, Tensor) else min(a, b)


def _largest(a: N, b: N) -> N:
    return torch.maximum(a, b) if isinstance(a, Tensor) else max(a, b)


def _either(condition: bool | Tensor, a: N, b: N) -> N:
    """The first number where the condition holds, else the second."""
    return torch.where(cast(Tensor, condition), a, b) if isinstance(a, Tensor) else (a if condition else b)


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


def offset_index(full: tuple[int, int], size: tuple[int, int], queries: slice, device: torch.device) -> Tensor:
    """Finds the offsets between places of a group in `relative_offsets`.

    The offset of two places has row (di + Gh - 1) * (2*Gw - 1) + dj + Gw - 1 there: a term of the query minus one of
    the key plus the middle.

    Args:
        full: Rows and columns of the largest groups of the map, (Gh, Gw), whose offsets are listed.
        size: Rows and columns of the group in question, no more than those.
        queries: Which of its places, row by row, are queries; all are keys.
        device: Where the tensor goes.

    Returns:
        Rows of `relative_offsets`, [Q, N].
    """
    pitch = 2 * full[1] - 1
    rows, cols = (torch.arange(side, device=device) for side in size)
    term = (rows[:, None] * pitch + cols).flatten()
    return term[queries, None] - term + (full[0] - 1) * pitch + full[1] - 1
