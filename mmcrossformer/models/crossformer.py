"""The CrossFormer and CrossFormer++ backbone."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from mmcrossformer.models.arch import ARCHS, CrossFormerArch, PerBlock, resolve_arch
from mmcrossformer.models.attention import GroupRule, LDAScope
from mmcrossformer.models.checks import check_flags
from mmcrossformer.models.layers import CrossScaleEmbed
from mmcrossformer.models.layers.block import CrossFormerBlock
from mmcrossformer.models.pyramid import Pyramid
from mmcrossformer.registry import MODELS


@MODELS.register_module()
class CrossFormer(Pyramid):
    """CrossFormer (ICLR 2022) and CrossFormer++ (TPAMI 2023), a pyramid of four stages at strides 4, 8, 16 and 32.

    Takes images of any size: stage i returns a map of `ceil(H / 2**(i+2))` x `ceil(W / 2**(i+2))`. Only the stages up
    to the last one of `out_indices` are built, so that no parameter stays unused.

    Args:
        arch: 'tiny', 'small', 'base', 'large', 'pp-small', 'pp-base', 'pp-large' or 'pp-huge', or a dict with
            `embed_dims`, `depths`, `num_heads` and optionally `group_size`, `interval`, `cooling`, `lda_scope`.
        in_channels: Channels of the image.
        group_size: Group size G: a number for each stage, or for each stage a sequence with a number for each block.
            By default that of `arch` for ImageNet. Weights fit any.
        interval: Interval I of the long distance attention, in tokens; like `group_size`.
        lda_scope: What a group of the long distance attention spans. 'map': every I-th row and column of the whole map,
            whatever G is; the published detectors and segmenters, in time that grows with the square of the image's
            area. 'block': (G*I) x (G*I) tokens; in time that grows with the area. Both are the same on maps of more
            than G and at most G*I tokens a side, and on smaller square ones. By default that of `arch`: 'map' for tiny
            to large and for a dict, 'block' for `pp-*`, for their groups on ImageNet. Weights fit both.
        adaptive_interval: Choose I from the map in each forward: ceil(max(height, width) / G).
        out_indices: Stages whose outputs are returned, increasing.
        drop_path_rate: Stochastic depth rate of the last block; by default that of `arch`, 0 for a dict.
        out_norm: Add a LayerNorm (`norm{i}`) to each output. Dense tasks use none, classification does.
        frozen_stages: Freeze the stem and the stages up to and including this index; -1 freezes nothing.
        with_cp: Trade time for memory: recompute blocks in the backward pass.
        init_cfg: Initialization by mmengine, such as `dict(type='Pretrained', checkpoint='crossformer-s.pth')`, which
            reads official files as published; without it, the published one (truncated normal 0.02 for Linear).

    Raises:
        ValueError: A value that is not allowed.
        TypeError: A value of the wrong type, or an unknown argument.

    Examples:
        >>> backbone = CrossFormer('small')
        >>> [tuple(x.shape) for x in backbone(torch.zeros(1, 3, 230, 333))]
        [(1, 96, 58, 84), (1, 192, 29, 42), (1, 384, 15, 21), (1, 768, 8, 11)]
    """

    def __init__(
        self,
        arch: str | Mapping[str, Any] = 'small',
        *,
        in_channels: int = 3,
        group_size: Sequence[int | Sequence[int]] | None = None,
        interval: Sequence[int | Sequence[int]] | None = None,
        adaptive_interval: bool = False,
        lda_scope: LDAScope | None = None,
        out_indices: Sequence[int] = (0, 1, 2, 3),
        drop_path_rate: float | None = None,
        out_norm: bool = False,
        frozen_stages: int = -1,
        with_cp: bool = False,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        check_flags(adaptive_interval=adaptive_interval)
        spec = resolve_arch(
            arch,
            ARCHS,
            group_size=group_size,
            interval=interval,
            lda_scope=lda_scope,
            drop_path_rate=drop_path_rate,
        )
        if adaptive_interval:
            spec = replace(spec, interval=tuple((0,) * depth for depth in spec.depths))
        super().__init__(
            spec,
            in_channels=in_channels,
            out_indices=out_indices,
            out_norm=out_norm,
            frozen_stages=frozen_stages,
            with_cp=with_cp,
            init_cfg=init_cfg,
        )

    def make_embed(self, stage: int) -> CrossScaleEmbed:
        """Returns the cross-scale embedding before a stage."""
        dims = self.arch.out_channels
        if stage == 0:
            return CrossScaleEmbed(self.in_channels, dims[0], kernel_sizes=(4, 8, 16, 32), stride=4, norm='after')
        return CrossScaleEmbed(dims[stage - 1], dims[stage], kernel_sizes=(2, 4), stride=2, norm='before')

    def make_blocks(self, stage: int) -> list[CrossFormerBlock]:
        """Returns the blocks of a stage: SDA and LDA alternate."""
        arch = cast(CrossFormerArch, self.arch)
        # `resolve_arch` returns them for each block.
        sizes, intervals = cast(PerBlock, arch.group_size), cast(PerBlock, arch.interval)
        return [
            CrossFormerBlock(
                arch.out_channels[stage],
                arch.num_heads[stage],
                GroupRule(size, interval, long_distance=j % 2 == 1, scope=arch.lda_scope),
                drop_path=arch.drop_path_rates[stage][j],
                cooling=arch.cooling and (j + 1) % 3 == 0 and j < arch.depths[stage] - 1,
            )
            for j, (size, interval) in enumerate(zip(sizes[stage], intervals[stage], strict=True))
        ]
