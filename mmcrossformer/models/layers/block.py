"""The CrossFormer block and its smaller parts."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from mmcrossformer.models.attention import GroupAttention, GroupRule
from mmcrossformer.models.attention.strips import strips
from mmcrossformer.models.layers.position_bias import DynamicPositionBias

# Tokens of a strip: few enough that it stays in the cache of a processor with its hidden layer. Smaller maps than
# _SMALL_MAP_TOKENS run whole: they fit the cache, and strips would read the weights more often.
_STRIP_TOKENS = {'cpu': 2**13}
_SMALL_MAP_TOKENS = 2**12


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
    """Attention and MLP, each with a LayerNorm before it and a residual connection.

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
        return self.add_branches(x, self.attn)

    def add_branches(self, x: Tensor, attend: Callable[[Tensor], Tensor]) -> Tensor:
        """Adds attention, then the MLP, to a map; `attend` runs the attention."""
        x = x + self.drop_path(attend(self.norm1(x)))
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
        x = self._in_strips(x) if self._may_run_in_strips(x) else super().forward(x)
        return x if self.cooling is None else self.cooling(x)

    def _in_strips(self, x: Tensor) -> Tensor:
        """Runs attention and MLP strip by strip, so that intermediate results stay in the cache of a processor.

        Every group is in one strip, and all else acts on single tokens, so a strip is a map of its own.
        """
        grouping = self.attn.rule(x.shape[1], x.shape[2])
        table = self.attn.pos_bias(grouping.size)
        out = x.new_empty(x.shape)
        for rows in grouping.runs[0]:
            attend = partial(self.attn.attend, grouping=grouping.of_strip(rows), table=table)
            for strip, target in strips(rows, _STRIP_TOKENS, x, out):
                result = self.add_branches(strip.flatten(0, 2), attend)
                target.copy_(result.view(target.shape))
        return out

    def _may_run_in_strips(self, x: Tensor) -> bool:
        """Whether strips are faster and change nothing: on a processor, without gradients, hooks or replaced layers.

        Compiled code runs whole maps: it would unroll the loop for each size of the map.
        """
        if torch.compiler.is_compiling() or self.training or x.device.type != 'cpu':
            return False
        if x.shape[:3].numel() < _SMALL_MAP_TOKENS or type(self.attn) is not GroupAttention or self.attn.backend:
            return False
        if torch.is_grad_enabled() and (x.requires_grad or any(p.requires_grad for p in self.parameters())):
            return False
        parts = (self.norm1, self.attn, self.attn.qkv, self.attn.proj, self.norm2, *self.mlp.modules(), self.drop_path)
        return all(map(_is_unchanged, parts))


def _is_unchanged(layer: nn.Module) -> bool:
    """Whether a layer is one that `CrossFormerBlock` builds, without hooks and with its own forward."""
    watched = layer._forward_hooks or layer._forward_pre_hooks or 'forward' in vars(layer)
    return type(layer) in (GroupAttention, nn.LayerNorm, nn.Linear, MLP, nn.GELU, DropPath) and not watched
