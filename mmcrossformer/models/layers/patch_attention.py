"""The two attentions of CAT: inside patches of 7 x 7 tokens, and between them."""

import torch.nn.functional as F
from torch import Tensor, nn

from mmcrossformer.models.layers.attention import GroupAttention
from mmcrossformer.models.layers.grouping import GroupRule
from mmcrossformer.models.layers.padding import pad_map
from mmcrossformer.models.layers.position_bias import PositionBiasTable


class InnerPatchAttention(GroupAttention):
    """IPSA: multi-head self-attention inside patches, with a learned bias by offset.

    CAT (arXiv 2106.05786). A map is padded to whole patches; the padding takes part as tokens of zeros.

    Args:
        dim: Channels C.
        num_heads: Number of heads; divides `dim`.
        patch: Rows, and columns, of a patch.
    """

    def __init__(self, dim: int, num_heads: int, patch: int) -> None:
        rule = GroupRule(patch, interval=1, long_distance=False, whole_small_maps=False)
        super().__init__(dim, num_heads, rule, PositionBiasTable(patch, num_heads))

    def forward(self, x: Tensor) -> Tensor:
        """Lets each token attend to its patch: normalised map [B, H, W, C] to [B, H, W, C]."""
        height, width = x.shape[1:3]
        return super().forward(pad_map(x, self.rule.size))[:, :height, :width]


class CrossPatchAttention(nn.Module):
    """CPSA: self-attention between patches, for each channel alone.

    CAT (arXiv 2106.05786). Tokens are the patches of one channel, their features that channel's values; one head,
    no position bias, weights shared by all channels. Each patch attends to all patches of the map, so that time grows
    with the square of its tokens; memory grows linearly, for torch's fused attention keeps no logits.

    Args:
        patch: Rows, and columns, of a patch.
    """

    def __init__(self, patch: int) -> None:
        super().__init__()
        self.patch = patch
        self.qkv = nn.Linear(patch**2, 3 * patch**2)
        self.proj = nn.Linear(patch**2, patch**2)

    def forward(self, x: Tensor) -> Tensor:
        """Lets each patch attend to all: normalised map [B, H, W, C] to [B, H, W, C]."""
        height, width = x.shape[1:3]
        x = pad_map(x, self.patch).unflatten(1, (-1, self.patch)).unflatten(3, (-1, self.patch))
        rows, cols = x.shape[1], x.shape[3]
        patches = x.permute(0, 5, 1, 3, 2, 4).flatten(4).flatten(2, 3)  # [B, C, patches, values]
        # Without the padding, torch's kernels for GPUs refuse 49 values, and the logits would be held after all.
        q, k, v = self.qkv(patches).chunk(3, dim=-1)
        patches = self.proj(fused_attention(q, k, v, multiple=8 if x.is_cuda else 1))
        x = patches.unflatten(2, (rows, cols)).unflatten(4, (self.patch, self.patch))
        return x.permute(0, 2, 4, 3, 5, 1).flatten(3, 4).flatten(1, 2)[:, :height, :width]


def fused_attention(q: Tensor, k: Tensor, v: Tensor, multiple: int = 1) -> Tensor:
    """Scaled dot-product attention that never holds its logits.

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
