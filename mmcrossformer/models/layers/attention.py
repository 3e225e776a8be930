"""Attention inside groups."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmcrossformer.models.layers.grouping import GroupTensors, group, ungroup
from mmcrossformer.models.layers.position_bias import DynamicPositionBias


class GroupAttention(nn.Module):
    """Multi-head self-attention inside groups of tokens, with dynamic position bias.

    CrossFormer (ICLR 2022), section 3.2.1. SDA and LDA differ in the grouping alone, which comes with each call.

    Args:
        dim: Channels C.
        num_heads: Number of heads; divides `dim`.
    """

    def __init__(self, dim: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.pos_bias = DynamicPositionBias(dim // 16, num_heads)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x: Tensor, groups: GroupTensors) -> Tensor:
        """Lets each token attend to its group.

        Args:
            x: Normalised map [B, H, W, C].
            groups: How the map is grouped.

        Returns:
            Map [B, H, W, C].
        """
        batch = x.shape[0]
        bias = self.pos_bias(groups.offsets, groups.offset_index)
        # Both Linears see the map without its padding: padded tokens are masked, so what they hold does not matter.
        qkv = group(self.qkv(x), groups.grouping).flatten(0, 1)
        q, k, v = qkv.unflatten(-1, (3, self.num_heads, -1)).permute(2, 0, 3, 1, 4)
        x = attend(q, k, v, bias, groups.is_padding)
        x = x.transpose(1, 2).flatten(2).unflatten(0, (batch, -1))
        return self.proj(ungroup(x, groups.grouping))


def attend(q: Tensor, k: Tensor, v: Tensor, bias: Tensor, is_padding: Tensor | None) -> Tensor:
    """Scaled dot-product attention with an additive bias and padded keys left out.

    Groups that are padding alone get finite, meaningless values, which the caller drops.

    Args:
        q: Queries [B*M, heads, N, head_dim].
        k: Keys, same shape.
        v: Values, same shape.
        bias: Bias [heads, N, N].
        is_padding: True for padded keys [M, 1, 1, N], or None.

    Returns:
        [B*M, heads, N, head_dim].
    """
    # The fused kernels have no gradient for the bias on CPU: torch falls back to one that copies the bias for every
    # group and takes twice as long.
    if torch.is_grad_enabled() and bias.requires_grad:
        logits = (q * q.shape[-1] ** -0.5) @ k.transpose(-2, -1) + bias
        if is_padding is not None:
            logits = logits.unflatten(0, (-1, is_padding.shape[0]))
            logits = logits.masked_fill(is_padding, torch.finfo(logits.dtype).min).flatten(0, 1)
        return logits.softmax(-1).to(v.dtype) @ v
    bias = bias.to(q.dtype)
    if is_padding is not None:
        # Half of the smallest number: the logit is added to it, and the sum must stay finite in half precision.
        bias = bias.masked_fill(is_padding, torch.finfo(q.dtype).min / 2)
        bias = bias.repeat(q.shape[0] // bias.shape[0], 1, 1, 1)
    return F.scaled_dot_product_attention(q, k, v, attn_mask=bias)
