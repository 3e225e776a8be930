"""The two attentions of CAT: inside patches of 7 x 7 tokens, and between them."""

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

from mmcrossformer.models.attention import GroupAttention
from mmcrossformer.models.attention.grouping import Cut, N, Rule
from mmcrossformer.models.attention.traced import CutMap, attend_groups
from mmcrossformer.models.layers.cat import PositionBiasTable, pad_map
from mmcrossformer.models.layers.exporting import is_exporting


@dataclass(frozen=True)
class Windows(Rule):
    """Windows of one size on maps of any size.

    Attributes:
        size: Tokens along a side.
        long_distance: False.
    """

    size: int
    long_distance: bool = False

    def cut(self, height: N, width: N) -> Cut[N]:
        """Returns `size` and interval 1 along both axes."""
        return (self.size, self.size), (1, 1)


class InnerPatchAttention(GroupAttention):
    """IPSA: multi-head self-attention inside patches, with a learned bias by offset.

    CAT (arXiv 2106.05786). A map is padded to whole patches; other tokens attend to the padding, tokens of zeros.

    Args:
        dim: Channels C.
        num_heads: Number of heads; divides `dim`.
        patch: Rows, and columns, of a patch.
    """

    def __init__(self, dim: int, num_heads: int, patch: int) -> None:
        super().__init__(dim, num_heads, Windows(patch), PositionBiasTable(patch, num_heads))

    def forward(self, x: Tensor) -> Tensor:
        """Lets each token attend to its patch: normalised map [B, H, W, C] to [B, H, W, C]."""
        height, width = x.shape[1:3]
        if is_exporting():
            cut = CutMap(x, self.rule)
            patches = attend_groups(self.qkv(_padded(cut, x)), self.pos_bias(cut.size), cut.size, self.num_heads)
            return cut.join(self.proj(patches))
        return super().forward(pad_map(x, self.rule.size))[:, :height, :width]


class CrossPatchAttention(nn.Module):
    """CPSA: self-attention between patches, for each channel alone.

    CAT (arXiv 2106.05786). Tokens are the patches of one channel, their features that channel's values; one head,
    no position bias, weights shared by all channels. Each patch attends to all patches of the map, so that time grows
    with the square of its tokens; memory grows linearly, because torch's fused attention stores no logits. Exported
    programs store them.

    Args:
        patch: Rows, and columns, of a patch.
    """

    def __init__(self, patch: int) -> None:
        super().__init__()
        self.rule = Windows(patch)
        self.qkv = nn.Linear(patch**2, 3 * patch**2)
        self.proj = nn.Linear(patch**2, patch**2)

    def forward(self, x: Tensor) -> Tensor:
        """Lets each patch attend to all: normalised map [B, H, W, C] to [B, H, W, C]."""
        if is_exporting():
            cut = CutMap(x, self.rule)
            q, k, v = self.qkv(_padded(cut, x).permute(0, 3, 1, 2)).chunk(3, dim=-1)
            patches = self.proj((q @ k.mT * q.shape[-1] ** -0.5).softmax(-1) @ v)
            return cut.join(patches.permute(0, 2, 3, 1))
        (height, width), patch = x.shape[1:3], self.rule.size
        # R rows and r columns of patches, P rows and p columns of tokens in a patch: [B, R, P, r, p, C].
        x = pad_map(x, patch).unflatten(1, (-1, patch)).unflatten(3, (-1, patch))
        rows, cols = x.shape[1], x.shape[3]
        patches = x.permute(0, 5, 1, 3, 2, 4).flatten(4).flatten(2, 3)  # [B, C, R * r, P * p]
        # Without the padding, torch's kernels for GPUs refuse 49 values, and torch stores the logits.
        q, k, v = self.qkv(patches).chunk(3, dim=-1)
        patches = self.proj(fused_attention(q, k, v, multiple=8 if x.is_cuda else 1))
        x = patches.unflatten(2, (rows, cols)).unflatten(4, (patch, patch))  # [B, C, R, r, P, p]
        return x.permute(0, 2, 4, 3, 5, 1).flatten(3, 4).flatten(1, 2)[:, :height, :width]


def _padded(cut: CutMap, x: Tensor) -> Tensor:
    """The patches of a map, [B, patches, tokens, C], with zeros beyond it."""
    return cut.groups_of(x) * cut.real[..., None]


def fused_attention(q: Tensor, k: Tensor, v: Tensor, multiple: int = 1) -> Tensor:
    """Scaled dot-product attention that never stores its logits.

    Args:
        q: Queries [..., N, D].
        k: Keys, likewise.
        v: Values, likewise.
        multiple: Pads D with zeros to a multiple of this.

    Returns:
        The same shape.
    """
    dim = q.shape[-1]
    if dim % multiple:
        q, k, v = (F.pad(x, (0, -dim % multiple)) for x in (q, k, v))
    return F.scaled_dot_product_attention(q, k, v, scale=dim**-0.5)[..., :dim]
