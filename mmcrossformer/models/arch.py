"""The published variants as data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, TypeVar

from typing_extensions import Self

from mmcrossformer.models.attention import LDA_SCOPES, LDAScope

PerStage = tuple[int, ...]
PerBlock = tuple[PerStage, ...]

NUM_STAGES = 4


@dataclass(frozen=True)
class Arch:
    """What makes a variant of a pyramid of four stages.

    Attributes:
        embed_dims: Channels of the first stage; each further stage has twice as many.
        depths: Blocks of each stage; of CAT, rounds of three blocks.
        num_heads: Attention heads of each stage; divide the stage's channels.
        drop_path_rate: Stochastic depth rate of the last block, as published for ImageNet.
    """

    embed_dims: int
    depths: PerStage
    num_heads: PerStage
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

    def checked(self) -> Self:
        """Checks every value.

        Returns:
            The same with tuples for sequences.

        Raises:
            ValueError: A value that is not allowed.
        """
        if not is_count(self.embed_dims):
            raise ValueError(f'embed_dims must be a positive integer, got {self.embed_dims!r}')
        depths, heads = per_stage('depths', self.depths), per_stage('num_heads', self.num_heads)
        for stage, (channels, num) in enumerate(zip(self.out_channels, heads, strict=True)):
            if channels % num:
                raise ValueError(f'num_heads[{stage}] must divide the {channels} channels of stage {stage}, got {num}')
        rate = self.drop_path_rate
        if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 <= rate < 1:
            raise ValueError(f'drop_path_rate must be a number in [0, 1), got {rate!r}')
        return replace(self, depths=depths, num_heads=heads)


@dataclass(frozen=True)
class CrossFormerArch(Arch):
    """What makes a CrossFormer.

    The fields of `Arch` and `cooling` shape the weights. `group_size`, `interval` and `lda_scope` only say which tokens
    attend to each other: the weights fit any of them. `embed_dims` is a multiple of 16.

    Attributes:
        group_size: G, tokens along a side of a group: a number for each stage, or for each block of each stage.
        interval: I, distance in tokens between neighbours in a long distance group; like `group_size`. 0 is what
            `adaptive_interval` of CrossFormer makes of it: the smallest that covers the map, see `GroupRule`.
        lda_scope: What a long distance group spans, see `GroupRule`: the whole 'map', as the published detectors and
            segmenters have it, or a 'block' of (G*I) x (G*I) tokens, as CrossFormer++ was trained on ImageNet.
        cooling: Whether amplitude cooling layers follow every third block (CrossFormer++).
    """

    group_size: PerStage | PerBlock = (7, 7, 7, 7)
    interval: PerStage | PerBlock = (8, 4, 2, 1)
    cooling: bool = False
    lda_scope: LDAScope = 'map'

    def checked(self) -> Self:
        """Checks every value, and spells `group_size` and `interval` out for each block."""
        if not is_count(self.embed_dims) or self.embed_dims % 16:
            raise ValueError(f'embed_dims must be a positive multiple of 16, got {self.embed_dims!r}')
        common = super().checked()
        if not isinstance(self.cooling, bool):
            raise TypeError(f'cooling must be True or False, got {self.cooling!r}')
        if self.lda_scope not in LDA_SCOPES:
            raise ValueError(f'lda_scope must be {" or ".join(map(repr, LDA_SCOPES))}, got {self.lda_scope!r}')
        return replace(
            self,
            depths=common.depths,
            num_heads=common.num_heads,
            group_size=_per_block('group_size', self.group_size, common.depths),
            interval=_per_block('interval', self.interval, common.depths),
        )


_PROGRESSIVE: dict[str, Any] = {
    'group_size': (4, 4, 14, 7),
    'interval': (4, 2, 1, 1),
    'lda_scope': 'block',
    'cooling': True,
}

ARCHS: dict[str, CrossFormerArch] = {
    'tiny': CrossFormerArch(64, (1, 1, 8, 6), (2, 4, 8, 16), 0.1),
    'small': CrossFormerArch(96, (2, 2, 6, 2), (3, 6, 12, 24), 0.2),
    'base': CrossFormerArch(96, (2, 2, 18, 2), (3, 6, 12, 24), 0.3),
    'large': CrossFormerArch(128, (2, 2, 18, 2), (4, 8, 16, 32), 0.5),
    'pp-small': CrossFormerArch(64, (2, 2, 18, 2), (2, 4, 8, 16), 0.2, **_PROGRESSIVE),
    'pp-base': CrossFormerArch(96, (2, 2, 18, 2), (3, 6, 12, 24), 0.3, **_PROGRESSIVE),
    'pp-large': CrossFormerArch(128, (2, 2, 18, 2), (4, 8, 16, 32), 0.5, **_PROGRESSIVE),
    'pp-huge': CrossFormerArch(128, (6, 6, 18, 2), (4, 8, 16, 32), 0.5, **_PROGRESSIVE),
}

CAT_ARCHS: dict[str, Arch] = {
    'tiny': Arch(64, (1, 1, 3, 1), (2, 4, 8, 16), 0.1),
    'small': Arch(96, (1, 1, 3, 1), (3, 6, 12, 24), 0.2),
    'base': Arch(96, (1, 1, 6, 1), (3, 6, 12, 24), 0.3),
}

A = TypeVar('A', bound=Arch)


def resolve_arch(arch: str | Mapping[str, Any], archs: Mapping[str, A], **overrides: Any) -> A:
    """Looks up or builds a variant, applies the overrides that are not None, and checks everything.

    Args:
        arch: A name of `archs` or the fields of its entries (all but `drop_path_rate`).
        archs: The published variants, `ARCHS` or `CAT_ARCHS`.
        **overrides: Fields that replace those of `arch`.

    Returns:
        The variant; of CrossFormer with `group_size` and `interval` spelled out for each block.

    Raises:
        ValueError: A name, field or value that is not allowed.
        TypeError: A value of the wrong type.
    """
    if isinstance(arch, str):
        if arch not in archs:
            raise ValueError(f'arch must be one of {", ".join(archs)} or a dict, got {arch!r}')
        spec = archs[arch]
    else:
        spec = _from_mapping(arch, type(next(iter(archs.values()))))
    spec = replace(spec, **{name: value for name, value in overrides.items() if value is not None})
    return spec.checked()


def _from_mapping(spec: Mapping[str, Any], kind: type[A]) -> A:
    if not isinstance(spec, Mapping):
        raise TypeError(f'arch must be a name or a dict, got {spec!r}')
    allowed = [f.name for f in fields(kind) if not f.metadata]
    unknown = [key for key in spec if key not in allowed]
    missing = [key for key in ('embed_dims', 'depths', 'num_heads') if key not in spec]
    if unknown or missing:
        problem = f'unknown {", ".join(map(repr, unknown))}' if unknown else f'no {", ".join(map(repr, missing))}'
        raise ValueError(f'arch has {problem}; its keys are {", ".join(allowed)} (the first three are required)')
    return kind(**spec)


def is_count(value: Any) -> bool:
    """Whether an argument is a positive integer."""
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _is_sequence(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def per_stage(name: str, values: Any) -> PerStage:
    """Checks that an argument is a positive integer for each stage."""
    if not _is_sequence(values) or len(values) != NUM_STAGES or not all(map(is_count, values)):
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
    if any(len(row) != depth or not all(map(is_count, row)) for row, depth in zip(rows, depths, strict=True)):
        raise ValueError(message)
    return tuple(tuple(row) for row in rows)
