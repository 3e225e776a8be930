"""Group attention as a layer, and the function that chooses how it is computed."""

import math
from typing import Literal, TypeAlias, get_args

import torch
from torch import Tensor, nn

from mmcrossformer.models.attention.grouping import LDA_SCOPES, Grouping, GroupRule, LDAScope, Rule
from mmcrossformer.models.attention.strips import group_attention
from mmcrossformer.models.attention.traced import exported_attention
from mmcrossformer.models.attention.triton import DTYPES, TILE, supports_triton, triton_group_attention
from mmcrossformer.models.layers.exporting import is_exporting

__all__ = [
    'BACKENDS',
    'LDA_SCOPES',
    'Backend',
    'GroupAttention',
    'GroupRule',
    'Grouping',
    'LDAScope',
    'choose',
    'force_backend',
    'group_attention',
]

# 'strips': plain torch on any device. 'triton': kernels for GPUs. 'traced': torch operators in one graph for maps of
# any size, which stores all logits; what exported programs contain.
Backend: TypeAlias = Literal['strips', 'triton', 'traced']
BACKENDS: tuple[Backend, ...] = get_args(Backend)


class GroupAttention(nn.Module):
    """Multi-head self-attention inside groups of tokens, with a bias by offset.

    CrossFormer (ICLR 2022), section 3.2.1. SDA and LDA differ in the grouping alone.

    Args:
        dim: Channels C.
        num_heads: Number of heads; divides `dim`.
        rule: How maps are grouped.
        pos_bias: Returns the bias [heads, P] of each offset for the rows and columns of a group, in the order of
            `relative_offsets`.

    Attributes:
        backend: How attention is computed, see `force_backend`; None chooses for each input.
    """

    def __init__(self, dim: int, num_heads: int, rule: Rule, pos_bias: nn.Module) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.rule = rule
        self.backend: Backend | None = None
        self.qkv = nn.Linear(dim, 3 * dim)
        self.pos_bias = pos_bias
        self.proj = nn.Linear(dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        """Lets each token attend to its group: normalised map [B, H, W, C] to [B, H, W, C]."""
        backend = self.backend or choose(x, self.rule)
        if backend == 'traced':
            return self.proj(exported_attention(self.qkv(x), self.pos_bias, self.rule, self.num_heads))
        grouping = self.rule(x.shape[1], x.shape[2])
        return self.attend(x, grouping, self.pos_bias(grouping.size), backend)

    def attend(self, x: Tensor, grouping: Grouping, table: Tensor, backend: Backend = 'strips') -> Tensor:
        """Does the same with a grouping of the map and the bias [heads, P] of each of its offsets."""
        attention = triton_group_attention if backend == 'triton' else group_attention
        return self.proj(attention(self.qkv(x), table, grouping, self.num_heads))


def choose(x: Tensor, rule: Rule) -> Backend:
    """Chooses how the attention of a map is computed.

    Args:
        x: Map [B, H, W, C].
        rule: How maps are grouped.

    Returns:
        'traced' while a program is exported; 'triton' on GPUs that Triton compiles for, but not for large groups under
        `torch.use_deterministic_algorithms`, whose gradients it adds in no fixed order; else 'strips'.
    """
    if is_exporting():
        return 'traced'
    if not x.is_cuda or x.dtype not in DTYPES or not supports_triton(x.device):
        return 'strips'
    grouping = rule(x.shape[1], x.shape[2])
    fixed_order = math.prod(grouping.size) <= TILE or not torch.are_deterministic_algorithms_enabled()
    return 'triton' if fixed_order else 'strips'


def force_backend(model: nn.Module, backend: Backend | None) -> None:
    """Makes all group attention of a model use one backend, to compare backends; None chooses for each input again.

    Args:
        model: Any module.
        backend: One of `BACKENDS`, or None.

    Raises:
        ValueError: Another backend.
    """
    if backend is not None and backend not in BACKENDS:
        raise ValueError(f'backend must be one of {", ".join(BACKENDS)} or None, got {backend!r}')
    for module in model.modules():
        if isinstance(module, GroupAttention):
            module.backend = backend
