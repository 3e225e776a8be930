"""The published variants as data, and the schedules of the group size."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

PerStage = tuple[int, ...]
PerBlock = tuple[PerStage, ...]

NUM_STAGES = 4


@dataclass(frozen=True)
class Arch:
    """What makes a variant.

    The first four fields and `cooling` shape the weights. `group_size` and `interval` only say which tokens attend to
    each other: the weights fit any of them.

    Attributes:
        embed_dims: Channels of the first stage; each further stage has twice as many. A multiple of 16.
        depths: Blocks of each stage.
        num_heads: Attention heads of each stage; divide the stage's channels.
        group_size: G, tokens along a side of a group: a number for each stage, or for each block of each stage.
        interval: I, distance in tokens between neighbours in a long distance group; like `group_size`.
        cooling: Whether amplitude cooling layers follow every third block (CrossFormer++).
        drop_path_rate: Stochastic depth rate of the last block, as published for ImageNet.
    """

    embed_dims: int
    depths: PerStage
    num_heads: PerStage
    group_size: PerStage | PerBlock = (7, 7, 7, 7)
    interval: PerStage | PerBlock = (8, 4, 2, 1)
    cooling: bool = False
    drop_path_rate: float = field(default=0.0, metadata={'published': True})

    @property
    def out_channels(self) -> PerStage:
        """Channels of each stage."""
        return tuple(self.embed_dims * 2**i for i in range(NUM_STAGES))

    @property
    def drop_path_rates(self) -> tuple[tuple[float, ...], ...]:
        """Stochastic depth rate of each block, stage by stage: grows linearly from 0 to `drop_path_rate`."""
        step = self.drop_path_rate / max(sum(self.depths) - 1, 1)
        starts = [sum(self.depths[:i]) for i in range(NUM_STAGES)]
        return tuple(
            tuple((start + j) * step for j in range(depth)) for start, depth in zip(starts, self.depths, strict=True)
        )


_PROGRESSIVE: dict[str, Any] = {'group_size': (4, 4, 14, 7), 'interval': (4, 2, 1, 1), 'cooling': True}

ARCHS: dict[str, Arch] = {
    'tiny': Arch(64, (1, 1, 8, 6), (2, 4, 8, 16), drop_path_rate=0.1),
    'small': Arch(96, (2, 2, 6, 2), (3, 6, 12, 24), drop_path_rate=0.2),
    'base': Arch(96, (2, 2, 18, 2), (3, 6, 12, 24), drop_path_rate=0.3),
    'large': Arch(128, (2, 2, 18, 2), (4, 8, 16, 32), drop_path_rate=0.5),
    'pp-small': Arch(64, (2, 2, 18, 2), (2, 4, 8, 16), drop_path_rate=0.2, **_PROGRESSIVE),
    'pp-base': Arch(96, (2, 2, 18, 2), (3, 6, 12, 24), drop_path_rate=0.3, **_PROGRESSIVE),
    'pp-large': Arch(128, (2, 2, 18, 2), (4, 8, 16, 32), drop_path_rate=0.5, **_PROGRESSIVE),
    'pp-huge': Arch(128, (6, 6, 18, 2), (4, 8, 16, 32), drop_path_rate=0.5, **_PROGRESSIVE),
}


def resolve_arch(arch: str | Mapping[str, Any], **overrides: Any) -> Arch:
    """Looks up or builds a variant, applies the overrides that are not None, and checks everything.

    Args:
        arch: A name of `ARCHS` or the fields of `Arch` (all but `drop_path_rate`).
        **overrides: Fields of `Arch` that replace those of `arch`.

    Returns:
        The variant, `group_size` and `interval` spelled out for each block.

    Raises:
        ValueError: A name, field or value that is not allowed.
        TypeError: A value of the wrong type.
    """
    spec = _from_name(arch) if isinstance(arch, str) else _from_mapping(arch)
    spec = replace(spec, **{name: value for name, value in overrides.items() if value is not None})
    if not _is_count(spec.embed_dims) or spec.embed_dims % 16:
        raise ValueError(f'embed_dims must be a positive multiple of 16, got {spec.embed_dims!r}')
    depths, heads = _per_stage('depths', spec.depths), _per_stage('num_heads', spec.num_heads)
    for stage, (channels, num) in enumerate(zip(spec.out_channels, heads, strict=True)):
        if channels % num:
            raise ValueError(f'num_heads[{stage}] must divide the {channels} channels of stage {stage}, got {num}')
    if not isinstance(spec.cooling, bool):
        raise TypeError(f'cooling must be True or False, got {spec.cooling!r}')
    rate = spec.drop_path_rate
    if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 <= rate < 1:
        raise ValueError(f'drop_path_rate must be a number in [0, 1), got {rate!r}')
    return replace(
        spec,
        depths=depths,
        num_heads=heads,
        group_size=_per_block('group_size', spec.group_size, depths),
        interval=_per_block('interval', spec.interval, depths),
    )


def progressive_group_sizes(schedule: str, depths: Sequence[int], map_side: int = 56) -> PerBlock:
    """Group sizes that grow with depth (PGS), as `group_size` of `CrossFormer` takes them.

    CrossFormer++ (TPAMI 2023). The wanted fraction of the map's side grows linearly, block by block, from
    4 tokens of the first stage towards the whole side:

    - 'linear': that fraction of the stage's side, rounded up, at least 4.
    - 'linear_div': the same up to half the side; above it the whole side, but in the third stage half the side up to
      three quarters of it.
    - 'alter': the same up to half the side; above it the whole side, but in the third stage half and whole side by
      turns.
    - '7_14': the constant sizes 4, 4, 14, 7, with 7 in the first four blocks of the third stage.

    Args:
        schedule: One of the above.
        depths: Blocks of each of the four stages.
        map_side: Tokens along a side of the first stage's map; 56 for images of 224 x 224.

    Returns:
        A group size for each block of each stage.

    Raises:
        ValueError: An unknown schedule, or depths that are not four positive numbers.
    """
    if schedule not in PGS_SCHEDULES:
        raise ValueError(f'schedule must be one of {", ".join(PGS_SCHEDULES)}, got {schedule!r}')
    depths = _per_stage('depths', depths)
    if schedule == '7_14':
        return (
            (4,) * depths[0],
            (4,) * depths[1],
            tuple(7 if j < 4 else 14 for j in range(depths[2])),
            (7,) * depths[3],
        )
    start = 4 / map_side
    step = (1 - start) / sum(depths)
    sizes, block = [], 0
    for stage, depth in enumerate(depths):
        side = math.ceil(map_side / 2**stage)
        row = []
        for _ in range(depth):
            wanted = max(4, math.ceil((start + block * step) * side))
            row.append(_quantize(schedule, wanted, side, stage, block))
            block += 1
        sizes.append(tuple(row))
    return tuple(sizes)


PGS_SCHEDULES = ('linear', 'linear_div', 'alter', '7_14')


def _quantize(schedule: str, wanted: int, side: int, stage: int, block: int) -> int:
    """Rounds a wanted group size to half or the whole side of the map, where the schedule asks for it."""
    if schedule == 'linear' or wanted <= side / 2:
        return wanted
    if stage != 2:
        return side
    whole = wanted > 0.75 * side if schedule == 'linear_div' else block % 2 == 1
    return side if whole else math.ceil(side / 2)


def _from_name(name: str) -> Arch:
    if name not in ARCHS:
        raise ValueError(f'arch must be one of {", ".join(ARCHS)} or a dict, got {name!r}')
    return ARCHS[name]


def _from_mapping(spec: Mapping[str, Any]) -> Arch:
    if not isinstance(spec, Mapping):
        raise TypeError(f'arch must be a name or a dict, got {spec!r}')
    allowed = [f.name for f in fields(Arch) if not f.metadata]
    unknown = [key for key in spec if key not in allowed]
    missing = [key for key in ('embed_dims', 'depths', 'num_heads') if key not in spec]
    if unknown or missing:
        problem = f'unknown {", ".join(map(repr, unknown))}' if unknown else f'no {", ".join(map(repr, missing))}'
        raise ValueError(f'arch has {problem}; its keys are {", ".join(allowed)} (the first three are required)')
    return Arch(**spec)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _is_sequence(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _per_stage(name: str, values: Any) -> PerStage:
    if not _is_sequence(values) or len(values) != NUM_STAGES or not all(map(_is_count, values)):
        raise ValueError(f'{name} must be {NUM_STAGES} positive integers, one a stage, got {values!r}')
    return tuple(values)


def _per_block(name: str, values: Any, depths: PerStage) -> PerBlock:
    """Spells out a number a stage as a number a block."""
    message = (
        f'{name} must be {NUM_STAGES} entries, one a stage, each a positive integer or one positive integer for each '
        f'of its blocks (depths {depths}), got {values!r}'
    )
    if not _is_sequence(values) or len(values) != NUM_STAGES:
        raise ValueError(message)
    rows = [value if _is_sequence(value) else (value,) * depth for value, depth in zip(values, depths, strict=True)]
    if any(len(row) != depth or not all(map(_is_count, row)) for row, depth in zip(rows, depths, strict=True)):
        raise ValueError(message)
    return tuple(tuple(row) for row in rows)
