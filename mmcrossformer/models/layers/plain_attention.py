"""Attention inside groups in plain torch, forward and backward, as one operator.

The map is walked through in strips: some groups of rows with all their columns. What a strip needs stays in the cache
of a processor, and no more than a strip of logits exists at a time, in training too: the backward pass computes them
again. Nothing is padded (see `grouping`).

As an operator of its own, attention is opaque to `torch.compile`: sizes of a map choose the loops here, not a new
compilation.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import register_flop_formula

from mmcrossformer.models.layers.grouping import Grouping, Run, gather_bias, split_axis, spread_bias
from mmcrossformer.models.layers.precision import autocast_off

# Tokens of a strip: on a processor enough to keep matrix products efficient, few enough to stay in its cache.
_STRIP_TOKENS = {'cpu': 2**11}
# Logits computed at a time.
_CHUNK_LOGITS = {'cpu': 2**18}
# Other devices have less use for their caches than for large operations.
_ELSEWHERE = 2**25


def group_attention(qkv: Tensor, table: Tensor, grouping: Grouping, num_heads: int) -> Tensor:
    """Scaled dot-product attention inside the groups of a map, with a bias by offset.

    CrossFormer (ICLR 2022), section 3.2.1. Half precision is computed in float32 inside.

    Args:
        qkv: Queries, keys and values [B, H, W, 3C], each with its heads one after another.
        table: Bias of each offset between two places of a group, [num_heads, P], in the order of `relative_offsets`.
        grouping: How the map is cut.
        num_heads: Number of heads; divides C.

    Returns:
        Map [B, H, W, C].
    """
    return _attend(qkv, table, num_heads, grouping.size, grouping.interval)


def grouping_of(shape: Sequence[int], size: Sequence[int], interval: Sequence[int]) -> Grouping:
    """Returns how a map [B, H, W, ...] is cut: operators take a grouping as lists of numbers."""
    height, width = shape[1:3]
    (size_h, size_w), (interval_h, interval_w) = size, interval
    return Grouping(height, width, (size_h, size_w), (interval_h, interval_w))


@torch.library.custom_op('mmcrossformer::group_attention', mutates_args=())
def _attend(qkv: Tensor, table: Tensor, num_heads: int, size: Sequence[int], interval: Sequence[int]) -> Tensor:
    grouping = grouping_of(qkv.shape, size, interval)
    out = qkv.new_empty(*qkv.shape[:3], qkv.shape[3] // 3)
    bias = spread_bias(table, grouping.size)
    with autocast_off(qkv.device.type):
        for qkv_strip, out_strip in strips(grouping, qkv, out):
            attend_strip(qkv_strip, out_strip, bias, grouping)
    return out


@_attend.register_fake
def _(qkv: Tensor, table: Tensor, num_heads: int, size: Sequence[int], interval: Sequence[int]) -> Tensor:
    return qkv.new_empty(*qkv.shape[:3], qkv.shape[3] // 3)


@torch.library.custom_op('mmcrossformer::group_attention_backward', mutates_args=())
def _attend_backward(
    grad: Tensor, qkv: Tensor, table: Tensor, num_heads: int, size: Sequence[int], interval: Sequence[int]
) -> tuple[Tensor, Tensor]:
    grouping = grouping_of(qkv.shape, size, interval)
    bias = spread_bias(table, grouping.size)
    grad_qkv, grad_bias = torch.empty_like(qkv), torch.zeros_like(bias, dtype=_precise(qkv.dtype))
    with autocast_off(qkv.device.type):
        for grad_strip, qkv_strip, grad_qkv_strip in strips(grouping, grad, qkv, grad_qkv):
            _attend_strip_backward(grad_strip, qkv_strip, grad_qkv_strip, bias, grad_bias, grouping)
    return grad_qkv, gather_bias(grad_bias, grouping.size).to(table.dtype)


@_attend_backward.register_fake
def _(
    grad: Tensor, qkv: Tensor, table: Tensor, num_heads: int, size: Sequence[int], interval: Sequence[int]
) -> tuple[Tensor, Tensor]:
    return torch.empty_like(qkv), torch.empty_like(table)


def _keep_for_backward(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    qkv, table, *ctx.rest = inputs
    ctx.save_for_backward(qkv, table)


def _backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    return *_attend_backward(grad.contiguous(), *ctx.saved_tensors, *ctx.rest), None, None, None


_attend.register_autograd(_backward, setup_context=_keep_for_backward)


def count_flops(
    qkv_shape: Sequence[int],
    table_shape: Sequence[int],
    num_heads: int,
    size: Sequence[int],
    interval: Sequence[int],
    **kwargs: Any,
) -> int:
    """Floating point operations: two products of a multiply and an add for each pair of tokens in a group."""
    batch, _, _, channels = qkv_shape
    rows, cols = grouping_of(qkv_shape, size, interval).runs
    pairs = math.prod(sum(run.regions * run.phases * run.members**2 for run in runs) for runs in (rows, cols))
    return 2 * 2 * batch * pairs * (channels // 3)


def count_flops_backward(grad_shape: Sequence[int], *args: Any, **kwargs: Any) -> int:
    """The same for the backward pass: the logits once more, and two products for each one of the forward pass."""
    return count_flops(*args, **kwargs) * 5 // 2


register_flop_formula(torch.ops.mmcrossformer.group_attention)(count_flops)
register_flop_formula(torch.ops.mmcrossformer.group_attention_backward)(count_flops_backward)


def strips(grouping: Grouping, *maps: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Cuts maps of equal height and width into strips of whole groups.

    Args:
        grouping: How the maps are cut.
        *maps: Tensors [B, H, W, ...].

    Yields:
        A view of each map: some groups of rows with all columns, [images, regions, phases, members, W, ...].
    """
    tokens = _STRIP_TOKENS.get(maps[0].device.type, _ELSEWHERE)
    for run in grouping.runs[0]:
        views = [split_axis(x, 1, run).movedim(-1, 2) for x in maps]
        images, regions, phases = views[0].shape[:3]
        groups = max(1, tokens // (run.members * grouping.width))
        steps = max(1, groups // (regions * phases)), max(1, groups // phases), groups
        for image in range(0, images, steps[0]):
            for region in range(0, regions, steps[1]):
                for phase in range(0, phases, steps[2]):
                    part = (
                        slice(image, image + steps[0]),
                        slice(region, region + steps[1]),
                        slice(phase, phase + steps[2]),
                    )
                    yield tuple(view[part] for view in views)


def attend_strip(qkv: Tensor, out: Tensor, bias: Tensor, grouping: Grouping) -> None:
    """Attention inside the groups of a strip.

    Args:
        qkv: A strip with 3C channels, as `strips` yields it.
        out: A strip with C channels; written to.
        bias: Bias of each pair of places, [heads, Gh, Gw, Gh, Gw].
        grouping: How the map is cut.
    """
    members, num_heads = qkv.shape[3], len(bias)
    for run in grouping.runs[1]:
        q, k, v = _matrices(_by_group(qkv, run, 3, num_heads))
        result = torch.empty_like(q)
        for part, probabilities in _probabilities(q, k, _corner(bias, members, run.members, q.dtype)):
            torch.bmm(probabilities, v[part], out=result[part])
        target = _by_group(out, run, 1, num_heads)
        target.copy_(result.view(target.shape))


def _attend_strip_backward(
    grad: Tensor, qkv: Tensor, grad_qkv: Tensor, bias: Tensor, grad_bias: Tensor, grouping: Grouping
) -> None:
    """Writes the gradient of a strip's queries, keys and values; that of the bias is added to `grad_bias`."""
    members, num_heads = qkv.shape[3], len(bias)
    for run in grouping.runs[1]:
        q, k, v = _matrices(_by_group(qkv, run, 3, num_heads))
        (grad_result,) = _matrices(_by_group(grad, run, 1, num_heads), scaled=False)
        grads = q.new_empty(3, *q.shape)
        corner = _corner(bias, members, run.members, q.dtype)
        grad_corner = torch.zeros_like(corner)
        for part, probabilities in _probabilities(q, k, corner):
            torch.bmm(probabilities.mT, grad_result[part], out=grads[2, part])
            grad_logits = torch.bmm(grad_result[part], v[part].mT)
            grad_logits = torch._softmax_backward_data(grad_logits, probabilities, -1, grad_logits.dtype)
            torch.bmm(grad_logits, k[part], out=grads[0, part])
            torch.bmm(grad_logits.mT, q[part], out=grads[1, part])
            _of_heads(grad_corner, part).add_(_by_head(grad_logits, num_heads).sum(0))
        grads[0] *= _scale(q)
        target = _by_group(grad_qkv, run, 3, num_heads)
        target.copy_(grads.view(target.shape))
        grad_bias[:, :members, : run.members, :members, : run.members] += grad_corner.view(
            num_heads, members, run.members, members, run.members
        )


def _probabilities(q: Tensor, k: Tensor, bias: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """Softmax of the logits, some matrices at a time.

    Args:
        q: Scaled queries, a matrix for each head of each group, [groups * heads, N, head_dim].
        k: Keys, likewise.
        bias: Bias [heads, N, N].

    Yields:
        Which matrices, and their probabilities [n, N, N]: whole groups, or some heads of one group if they are large.
    """
    num_heads, tokens, _ = bias.shape
    step = max(1, _CHUNK_LOGITS.get(q.device.type, _ELSEWHERE) // tokens**2)
    stride = num_heads if step < num_heads else len(q)
    step -= step % num_heads if step >= num_heads else 0
    for first in range(0, len(q), stride):
        for start in range(first, first + stride, step):
            part = slice(start, min(start + step, first + stride))
            logits = torch.bmm(q[part], k[part].mT)
            _by_head(logits, num_heads).add_(_of_heads(bias, part))
            yield part, logits.softmax(-1)


def _by_head(x: Tensor, num_heads: int) -> Tensor:
    """Splits matrices of whole groups, or of some heads of one group, into [groups, heads, ...]."""
    return x.unflatten(0, (-1, min(len(x), num_heads)))


def _of_heads(bias: Tensor, part: slice) -> Tensor:
    """The heads of `part` in a bias [heads, N, N]: all, or some of one group."""
    start = part.start % len(bias)
    return bias[start : start + part.stop - part.start]


def _by_group(x: Tensor, run: Run, parts: int, num_heads: int) -> Tensor:
    """Views a strip as [parts, images, regions, phases, regions, phases, heads, members, members, head_dim]."""
    x = split_axis(x.unflatten(-1, (parts, num_heads, -1)), 4, run)
    return x.permute(6, 0, 1, 2, 4, 9, 7, 3, 5, 8)


def _matrices(view: Tensor, scaled: bool = True) -> Tensor:
    """Copies what `_by_group` views into a matrix for each head of each group, [parts, groups * heads, N, head_dim].

    The first part, the queries, is multiplied with the scale of the logits.
    """
    matrices = torch.empty(view.shape, dtype=_precise(view.dtype), device=view.device).copy_(view)
    matrices = matrices.flatten(-3, -2).flatten(1, -3)
    if scaled:
        matrices[0] *= _scale(matrices)
    return matrices


def _scale(matrices: Tensor) -> float:
    return matrices.shape[-1] ** -0.5


def _corner(bias: Tensor, rows: int, cols: int, dtype: torch.dtype) -> Tensor:
    """Bias of a group with `rows` x `cols` members, [heads, N, N]."""
    return bias[:, :rows, :cols, :rows, :cols].reshape(len(bias), rows * cols, rows * cols).to(dtype)


def _precise(dtype: torch.dtype) -> torch.dtype:
    return torch.float32 if dtype.itemsize < 4 else dtype
