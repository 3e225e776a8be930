"""Group attention as a layer."""

from torch import Tensor, nn

from mmcrossformer.models.layers.group_attention import group_attention
from mmcrossformer.models.layers.grouping import GroupRule
from mmcrossformer.models.layers.position_bias import DynamicPositionBias


class GroupAttention(nn.Module):
    """Multi-head self-attention inside groups of tokens, with dynamic position bias.

    CrossFormer (ICLR 2022), section 3.2.1. SDA and LDA differ in the grouping alone.

    Args:
        dim: Channels C.
        num_heads: Number of heads; divides `dim`.
        rule: How maps are grouped.
    """

    def __init__(self, dim: int, num_heads: int, rule: GroupRule) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.rule = rule
        self.qkv = nn.Linear(dim, 3 * dim)
        self.pos_bias = DynamicPositionBias(dim // 16, num_heads)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        """Lets each token attend to its group: normalised map [B, H, W, C] to [B, H, W, C]."""
        grouping = self.rule(x.shape[1], x.shape[2])
        table = self.pos_bias(grouping.size)
        return self.proj(group_attention(self.qkv(x), table, grouping, self.num_heads))
