"""Group attention as a layer."""

import math

import torch
from torch import Tensor, nn

from mmcrossformer.models.attention.grouping import (
    LDA_SCOPES,
    Grouping,
    GroupRule,
    LDAScope,
    Rule,
    Windows,
    relative_offsets,
    split_axis,
)
from mmcrossformer.models.attention.strips import group_attention
from mmcrossformer.models.attention.traced import exported_attention
from mmcrossformer.models.attention.triton import DTYPES, TILE, supports_triton, triton_group_attention

__all__ = [
    'LDA_SCOPES',
    'GroupAttention',
    'GroupRule',
    'Grouping',
    'LDAScope',
    'Windows',
    'group_attention',
    'relative_offsets',
    'split_axis',
]


class GroupAttention(nn.Module):
    """Multi-head self-attention inside groups of tokens, with a bias by offset.

    CrossFormer (ICLR 2022), section 3.2.1. SDA and LDA differ in the grouping alone.

    Args:
        dim: Channels C.
        num_heads: Number of heads; divides `dim`.
        rule: How maps are grouped.
        pos_bias: Gives the bias [heads, P] of each offset for the rows and columns of a group, in the order of
            `relative_offsets`.
    """

    def __init__(self, dim: int, num_heads: int, rule: Rule, pos_bias: nn.Module) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.rule = rule
        self.qkv = nn.Linear(dim, 3 * dim)
        self.pos_bias = pos_bias
        self.proj = nn.Linear(dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        """Lets each token attend to its group: normalised map [B, H, W, C] to [B, H, W, C]."""
        qkv = self.qkv(x)
        if torch.compiler.is_exporting():
            return self.proj(exported_attention(qkv, self.pos_bias, self.rule, self.num_heads))
        grouping = self.rule(x.shape[1], x.shape[2])
        table = self.pos_bias(grouping.size)
        attend = triton_group_attention if _takes_triton(qkv, grouping) else group_attention
        return self.proj(attend(qkv, table, grouping, self.num_heads))


def _takes_triton(qkv: Tensor, grouping: Grouping) -> bool:
    """Whether the kernels for GPUs run; they add up the gradients of large groups in no fixed order."""
    if not qkv.is_cuda or qkv.dtype not in DTYPES or not supports_triton(qkv.device):
        return False
    return math.prod(grouping.size) <= TILE or not torch.are_deterministic_algorithms_enabled()
