"""The CAT backbone."""

from collections.abc import Mapping, Sequence
from typing import Any

from mmcrossformer.models.arch import CAT_ARCHS, resolve_arch
from mmcrossformer.models.attention.patches import CrossPatchAttention, InnerPatchAttention
from mmcrossformer.models.layers import PatchMerging, PositionedEmbed
from mmcrossformer.models.layers.block import AttentionBlock
from mmcrossformer.models.pyramid import Pyramid
from mmcrossformer.registry import MODELS

PATCH = 7
# Tokens along a side of the map for which the position encoding is learned: 224 pixels at stride 4.
_PLACES = 56


@MODELS.register_module()
class CAT(Pyramid):
    """CAT, the cross attention transformer (arXiv 2106.05786), a pyramid of four stages at strides 4, 8, 16 and 32.

    Takes images of any size: stage i returns a map of `ceil(H / 2**(i+2))` x `ceil(W / 2**(i+2))`, normalised by its
    LayerNorm `norm{i}`. Only the stages up to the last one of `out_indices` are built, so that no parameter stays
    unused. Attention between patches takes time that grows with the square of the image's area, in the first stage most
    of all; memory grows with the area.

    Args:
        arch: 'tiny', 'small' or 'base', or a dict with `embed_dims`, `depths` and `num_heads`. A depth counts rounds
            of three blocks: IPSA, CPSA, IPSA.
        in_channels: Channels of the image.
        out_indices: Stages whose outputs are returned, increasing.
        drop_path_rate: Stochastic depth rate of the last round; by default that of `arch`, 0 for a dict.
        frozen_stages: Freeze the stem and the stages up to and including this index; -1 freezes nothing.
        with_cp: Trade time for memory: recompute blocks in the backward pass.
        init_cfg: Initialization by mmengine, such as `dict(type='Pretrained', checkpoint='cat-s.pth')`, which takes
            official files as published; without it, truncated normal 0.02 for Linear.

    Raises:
        ValueError: A value that is not allowed.
        TypeError: A value of the wrong type, or an unknown argument.

    Examples:
        >>> backbone = CAT('small')
        >>> [tuple(x.shape) for x in backbone(torch.zeros(1, 3, 230, 333))]
        [(1, 96, 58, 84), (1, 192, 29, 42), (1, 384, 15, 21), (1, 768, 8, 11)]
    """

    def __init__(
        self,
        arch: str | Mapping[str, Any] = 'small',
        *,
        in_channels: int = 3,
        out_indices: Sequence[int] = (0, 1, 2, 3),
        drop_path_rate: float | None = None,
        frozen_stages: int = -1,
        with_cp: bool = False,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        super().__init__(
            resolve_arch(arch, CAT_ARCHS, drop_path_rate=drop_path_rate),
            in_channels=in_channels,
            out_indices=out_indices,
            out_norm=True,
            frozen_stages=frozen_stages,
            with_cp=with_cp,
            init_cfg=init_cfg,
        )

    def make_embed(self, stage: int) -> PositionedEmbed | PatchMerging:
        """Returns the patch embedding, or the patch merging before a further stage."""
        if stage == 0:
            return PositionedEmbed(self.in_channels, self.arch.embed_dims, patch=4, places=_PLACES)
        return PatchMerging(self.arch.out_channels[stage - 1])

    def make_blocks(self, stage: int) -> list[AttentionBlock]:
        """Returns the blocks of a stage, round by round; those of a round share a stochastic depth rate."""
        dim, heads = self.arch.out_channels[stage], self.arch.num_heads[stage]
        return [
            AttentionBlock(dim, attn, rate)
            for rate in self.arch.drop_path_rates[stage]
            for attn in (
                InnerPatchAttention(dim, heads, PATCH),
                CrossPatchAttention(PATCH),
                InnerPatchAttention(dim, heads, PATCH),
            )
        ]
