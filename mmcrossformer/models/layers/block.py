"""The CrossFormer block and its smaller parts."""

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from mmcrossformer.models.attention import GroupAttention
from mmcrossformer.models.attention.block_op import stream_block
from mmcrossformer.models.attention.grouping import GroupRule
from mmcrossformer.models.layers.position_bias import DynamicPositionBias


class DropPath(nn.Module):
    """Stochastic depth: in training, drops the whole branch of a sample and rescales the kept ones.

    Args:
        rate: Probability of dropping, in [0, 1).
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        """Drops samples of x [B, ...]."""
        if not self.training or self.rate == 0:
            return x
        keep = x.new_empty(x.shape[0], *[1] * (x.dim() - 1)).bernoulli_(1 - self.rate)
        return x * keep.div_(1 - self.rate)

    def extra_repr(self) -> str:
        """Shows the rate."""
        return f'rate={self.rate:.3g}'


class MLP(nn.Module):
    """Linear, exact GELU, Linear; the hidden layer is four times as wide.

    Training keeps the hidden layer once, before the GELU: what follows the GELU, the largest tensor of a block, is
    computed again in the backward pass.

    Args:
        dim: Channels C.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(dim, 4 * dim)
        self.act = nn.GELU()
        self.fc2 = nn.Linear(4 * dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        """Maps [..., C] to [..., C]."""
        hidden = self.fc1(x)
        if not hidden.requires_grad:
            return self._finish(hidden)
        return checkpoint(self._finish, hidden, use_reentrant=False, preserve_rng_state=False)

    def _finish(self, hidden: Tensor) -> Tensor:
        return self.fc2(self.act(hidden))


class AmplitudeCooling(nn.Module):
    """ACL: depthwise 3x3 convolution and LayerNorm without a residual, so that activations stop growing.

    The amplitude cooling layer of CrossFormer++ (TPAMI 2023).

    Args:
        dim: Channels C.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(dim, dim, kernel_size=3, padding=1, groups=dim)
        self.norm = nn.LayerNorm(dim)

    def forward(self, x: Tensor) -> Tensor:
        """Maps [B, H, W, C] to [B, H, W, C]."""
        return self.norm(self.conv(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1))


class AttentionBlock(nn.Module):
    """Attention and MLP, each behind a LayerNorm and with a residual.

    Args:
        dim: Channels C.
        attn: Maps [B, H, W, C] to the same.
        drop_path: Stochastic depth rate.
    """

    def __init__(self, dim: int, attn: nn.Module, drop_path: float) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(dim)
        self.attn = attn
        self.norm2 = nn.LayerNorm(dim)
        self.mlp = MLP(dim)
        self.drop_path = DropPath(drop_path)

    def forward(self, x: Tensor) -> Tensor:
        """Maps [B, H, W, C] to [B, H, W, C]."""
        x = x + self.drop_path(self.attn(self.norm1(x)))
        return x + self.drop_path(self.mlp(self.norm2(x)))


class CrossFormerBlock(AttentionBlock):
    """Group attention and MLP, optionally an ACL at the end.

    CrossFormer (ICLR 2022), figure 2.

    Args:
        dim: Channels C.
        num_heads: Number of attention heads.
        rule: How the attention groups maps.
        drop_path: Stochastic depth rate.
        cooling: Whether an amplitude cooling layer follows.
    """

    attn: GroupAttention

    def __init__(self, dim: int, num_heads: int, rule: GroupRule, drop_path: float, cooling: bool) -> None:
        pos_bias = DynamicPositionBias(dim // 16, num_heads)
        super().__init__(dim, GroupAttention(dim, num_heads, rule, pos_bias), drop_path)
        self.cooling = AmplitudeCooling(dim) if cooling else None

    def forward(self, x: Tensor) -> Tensor:
        """Maps [B, H, W, C] to [B, H, W, C]."""
        if self._streams(x):
            grouping = self.attn.rule(x.shape[1], x.shape[2])
            x = stream_block(x, self._steps, self.attn.pos_bias(grouping.size), grouping)
        else:
            x = super().forward(x)
        return x if self.cooling is None else self.cooling(x)

    @property
    def _steps(self) -> tuple[nn.Module, ...]:
        return self.norm1, self.attn.qkv, self.attn.proj, self.norm2, self.mlp.fc1, self.mlp.fc2

    def _streams(self, x: Tensor) -> bool:
        """Whether one operator runs it all: on a processor, without gradients, if no hook or foreign part misses it."""
        if x.device.type != 'cpu' or self.training or torch.compiler.is_exporting():
            return False
        if torch.is_grad_enabled() and (x.requires_grad or any(p.requires_grad for p in self.parameters())):
            return False
        if not (_is_plain(self.attn, GroupAttention) and _is_plain(self.mlp, MLP)) or self.attn.backend is not None:
            return False
        linears = (self.attn.qkv, self.attn.proj, self.mlp.fc1, self.mlp.fc2)
        return (
            all(_is_plain(part, nn.Linear) for part in linears)
            and all(_is_plain(part, nn.LayerNorm) for part in (self.norm1, self.norm2))
            and _is_plain(self.mlp.act, nn.GELU)
            and _is_plain(self.drop_path, DropPath)
        )


def _is_plain(part: nn.Module, kind: type[nn.Module]) -> bool:
    """Whether a part is what the block built, and nobody watches or replaces its forward."""
    watched = part._forward_hooks or part._forward_pre_hooks or 'forward' in vars(part)
    return type(part) is kind and not watched
