"""A whole block without gradients as one operator.

Large maps are walked through strip by strip, so that all that a strip needs stays in the cache of a processor: a group
lies in one strip, and every other step of a block acts on single tokens. As an operator of its own it is opaque to
`torch.compile`, whose graphs would walk the whole map once for each step.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.flop_counter import register_flop_formula

from mmcrossformer.models.attention.grouping import Grouping
from mmcrossformer.models.attention.strips import attend_map, attend_strip, count_flops, grouping_of, strips
from mmcrossformer.models.layers.precision import autocast_off

# Smaller maps fit the cache as they are, and strips would read the weights more often.
_STREAMED_TOKENS = 2**12
# Tokens of a strip, whose hidden layer stays in the cache.
_STRIP_TOKENS = {'cpu': 2**13}


def stream_block(x: Tensor, modules: Sequence[nn.Module], table: Tensor, grouping: Grouping) -> Tensor:
    """Applies attention and MLP to a map, each behind its LayerNorm and with its residual.

    Args:
        x: Map [B, H, W, C].
        modules: LayerNorm, Linear to queries, keys and values, Linear behind the attention; LayerNorm, Linear to the
            hidden layer, Linear back.
        table: Bias of each offset, [heads, P], as `group_attention` takes it.
        grouping: How the map is cut.

    Returns:
        Map [B, H, W, C].
    """
    device = x.device.type
    dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else None
    weights = [parameter for module in modules for parameter in (module.weight, module.bias)]
    return _stream(x, weights, [modules[0].eps, modules[3].eps], table, grouping.size, grouping.interval, dtype)


@torch.library.custom_op('mmcrossformer::stream_block', mutates_args=())
def _stream(
    x: Tensor,
    weights: Sequence[Tensor],
    eps: Sequence[float],
    table: Tensor,
    size: Sequence[int],
    interval: Sequence[int],
    dtype: torch.dtype | None,
) -> Tensor:
    device = x.device.type
    norm1, qkv, proj, norm2, fc1, fc2 = zip(weights[::2], weights[1::2], strict=True)
    grouping = grouping_of(x.shape, size, interval)
    out = x.new_empty(x.shape)
    # Compiled code runs without the autocast that it was compiled under.
    with torch.autocast(device, dtype, enabled=dtype is not None):
        for source, target, attend in _pieces(x, out, grouping):
            part = source.contiguous()
            mixed = F.linear(F.layer_norm(part, part.shape[-1:], *norm1, eps[0]), *qkv)
            attended = torch.empty_like(part, dtype=mixed.dtype)
            with autocast_off(device):
                attend(mixed, attended, table, grouping)
            part = part + F.linear(attended, *proj)
            hidden = F.linear(F.layer_norm(part, part.shape[-1:], *norm2, eps[1]), *fc1)
            torch.add(part, F.linear(F.gelu(hidden), *fc2), out=target)
    return out


def _pieces(x: Tensor, out: Tensor, grouping: Grouping) -> Iterator[tuple[Tensor, Tensor, Callable[..., None]]]:
    """Cuts both maps into strips if they are large; with each piece comes the attention that takes it."""
    if x.shape[:3].numel() < _STREAMED_TOKENS:
        yield x, out, attend_map
        return
    for rows in grouping.runs[0]:
        for source, target in strips(rows, _STRIP_TOKENS, x, out):
            yield source, target, attend_strip


@_stream.register_fake
def _(x: Tensor, *args: Any) -> Tensor:
    return x.new_empty(x.shape)


@register_flop_formula(torch.ops.mmcrossformer.stream_block)
def _count_flops(
    x_shape: Sequence[int],
    weight_shapes: Sequence[Sequence[int]],
    eps: Sequence[float],
    table_shape: Sequence[int],
    size: Sequence[int],
    interval: Sequence[int],
    *args: Any,
    **kwargs: Any,
) -> int:
    """Floating point operations of the four matrix products of each token, and of the attention."""
    *places, channels = x_shape
    products = sum(math.prod(shape) for shape in weight_shapes if len(shape) == 2)
    attention = count_flops((*places, 3 * channels), table_shape, table_shape[0], size, interval)
    return 2 * math.prod(places) * products + attention
