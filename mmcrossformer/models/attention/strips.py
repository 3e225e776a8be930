"""Attention inside groups in plain torch, forward and backward, as one operator.

The map is processed in strips: some groups of rows with all their columns. What a strip needs stays in the cache of a
processor. No tensor holds a number for each pair of tokens of a large group: the forward pass uses torch's fused
attention, the backward pass handles some queries at a time, and the bias is looked up for those queries alone.
Memory is linear in the tokens, in training too. Nothing is padded (see `grouping`).

As an operator of its own, attention is opaque to `torch.compile`: the size of a map chooses the loops here, not a new
compilation.

Shapes: B images; R regions, P phases and M members of a run of rows, r, p and m those of a run of columns (see `Run`);
K parts, which are queries, keys and values, or one; h heads, d channels of a head; N = M * m tokens of a group, of
which Q are queries; groups = B * R * P * r * p.
"""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from mmcrossformer.models.attention.flops import count_flops, count_flops_backward, register_flops
from mmcrossformer.models.attention.grouping import Grouping, Places, Run, grouping_of, split_axis
from mmcrossformer.models.layers.precision import autocast_off

# Tokens of a strip: few enough to stay in the cache of a processor, enough for large operations.
_STRIP_TOKENS = {'cpu': 2**12}
# Logits computed at a time.
_CHUNK_LOGITS = {'cpu': 2**20}
# Biases looked up at a time for fused attention, which stores no logits.
_CHUNK_BIASES = 2**22
# Other devices gain more from large operations than from their caches.
_ELSEWHERE = 2**25
# Fused attention of torch is faster for groups of more tokens, products of small matrices for groups of fewer.
_FUSED_TOKENS = 196
_SCHEMA = '(Tensor qkv, Tensor table, int num_heads, SymInt[] size, SymInt[] interval) -> Tensor'
_BACKWARD_SCHEMA = _SCHEMA.replace('(', '(Tensor grad, ').replace('-> Tensor', '-> (Tensor, Tensor)')


def group_attention(qkv: Tensor, table: Tensor, grouping: Grouping, num_heads: int) -> Tensor:
    """Scaled dot-product attention inside the groups of a map, with a bias by offset.

    CrossFormer (ICLR 2022), section 3.2.1. Half precision is computed in float32 inside; large groups on processors use
    torch's fused attention, whose softmax and sums are in float32.

    Args:
        qkv: Queries, keys and values [B, H, W, 3C], each with its heads one after another.
        table: Bias of each offset between two places of a group, [num_heads, P], in the order of `relative_offsets`.
        grouping: How the map is cut.
        num_heads: Number of heads; divides C.

    Returns:
        Map [B, H, W, C].
    """
    return _attend(qkv, table, num_heads, grouping.size, grouping.interval)


@torch.library.custom_op('mmcrossformer::group_attention', mutates_args=(), schema=_SCHEMA)
def _attend(qkv: Tensor, table: Tensor, num_heads: int, size: Sequence[int], interval: Sequence[int]) -> Tensor:
    grouping = grouping_of(qkv.shape, size, interval)
    out = qkv.new_empty(*qkv.shape[:3], qkv.shape[3] // 3)
    with autocast_off(qkv.device.type):
        for rows, cols in itertools.product(*grouping.runs):
            places = Places(grouping.size, (rows.members, cols.members))
            for qkv_strip, out_strip in strips(rows, _STRIP_TOKENS, qkv, out):
                _attend_groups(qkv_strip, out_strip, table, places, cols)
    return out


@_attend.register_fake
def _(qkv: Tensor, *args: Any) -> Tensor:
    return qkv.new_empty(*qkv.shape[:3], qkv.shape[3] // 3)


@torch.library.custom_op('mmcrossformer::group_attention_backward', mutates_args=(), schema=_BACKWARD_SCHEMA)
def _attend_backward(grad: Tensor, qkv: Tensor, table: Tensor, num_heads: int, *cut: Any) -> tuple[Tensor, Tensor]:
    grouping = grouping_of(qkv.shape, *cut)
    grad_qkv, grad_table = torch.empty_like(qkv), torch.zeros_like(table, dtype=_precise(qkv.dtype))
    with autocast_off(qkv.device.type):
        for rows, cols in itertools.product(*grouping.runs):
            places = Places(grouping.size, (rows.members, cols.members))
            _attend_groups_backward(grad, qkv, grad_qkv, table, grad_table, places, rows, cols)
    return grad_qkv, grad_table.to(table.dtype)


@_attend_backward.register_fake
def _(grad: Tensor, qkv: Tensor, table: Tensor, *args: Any) -> tuple[Tensor, Tensor]:
    return torch.empty_like(qkv), torch.empty_like(table)


def _keep_for_backward(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    qkv, table, *ctx.rest = inputs
    ctx.save_for_backward(qkv, table)


def _backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    return *_attend_backward(grad.contiguous(), *ctx.saved_tensors, *ctx.rest), None, None, None


_attend.register_autograd(_backward, setup_context=_keep_for_backward)
register_flops(torch.ops.mmcrossformer.group_attention)(count_flops)
register_flops(torch.ops.mmcrossformer.group_attention_backward)(count_flops_backward)


def strips(run: Run, tokens: Mapping[str, int], *maps: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Cuts maps of equal height and width into strips of whole groups.

    Args:
        run: Groups of rows.
        tokens: About how many tokens a strip has, by type of device.
        *maps: Tensors [B, H, W, C], each of any C.

    Yields:
        A view of each map, [B, R, P, M, W, C]: some images, regions and phases.
    """
    views = [split_axis(x, 1, run).movedim(-1, 2) for x in maps]
    images, regions, phases, members, width = views[0].shape[:5]
    groups = tokens.get(maps[0].device.type, _ELSEWHERE) // (members * width)
    steps = groups // (regions * phases), groups // phases, groups
    for part in itertools.product(*map(_slices, (images, regions, phases), steps)):
        yield tuple(view[part] for view in views)


def _attend_groups(qkv: Tensor, out: Tensor, table: Tensor, places: Places, cols: Run) -> None:
    """Attention inside the groups of a strip [B, R, P, M, W, 3C] that have some columns; writes to `out`, likewise."""
    num_heads, tokens = len(table), math.prod(places.size)
    fused = tokens > _FUSED_TOKENS
    q, k, v = _matrices(_by_group(qkv, cols, 3, num_heads), qkv.dtype if fused else _precise(qkv.dtype))
    result = torch.empty_like(q)
    attend = _attend_fused if fused else _attend_small
    attend(q, k, v, result, table, places)
    target = _by_group(out, cols, 1, num_heads)
    target.copy_(result.view(target.shape))


def _attend_small(q: Tensor, k: Tensor, v: Tensor, result: Tensor, table: Tensor, places: Places) -> None:
    """Writes the attention of queries, keys and values [groups, h, N, d] to `result`, likewise."""
    bias = places.bias(table, slice(None)).to(q.dtype)
    for part in _parts(q, k.shape[2]):
        probabilities = _probabilities(q[part], k[part], bias[part[1]])
        torch.bmm(probabilities, v[part].flatten(0, 1), out=result[part].flatten(0, 1))


def _attend_fused(q: Tensor, k: Tensor, v: Tensor, result: Tensor, table: Tensor, places: Places) -> None:
    """The same by torch's fused attention, for large groups."""
    groups, num_heads, tokens, _ = q.shape
    # On other devices torch may have no fused kernel for a bias, and store the logits of all groups.
    on_cpu = q.device.type == 'cpu'
    at_a_time = _CHUNK_BIASES // (num_heads * tokens) if on_cpu else _ELSEWHERE // (groups * num_heads * tokens)
    # Fused attention for processors accepts a float32 bias with values of half precision.
    dtype = _precise(q.dtype) if on_cpu else q.dtype
    for queries in _slices(tokens, at_a_time):
        bias = places.bias(table, queries).to(dtype)
        result[:, :, queries] = F.scaled_dot_product_attention(q[:, :, queries], k, v, attn_mask=bias[None])


def _attend_groups_backward(
    grad: Tensor, qkv: Tensor, grad_qkv: Tensor, table: Tensor, grad_table: Tensor, places: Places, rows: Run, cols: Run
) -> None:
    """Writes the gradient of queries, keys and values of groups of one size; adds that of the biases to its table.

    Large groups are processed in several passes, each for some of their queries.
    """
    num_heads, dtype, tokens = len(table), grad_table.dtype, math.prod(places.size)
    limit = _CHUNK_LOGITS.get(qkv.device.type, _ELSEWHERE)
    # With several matrices at a time, several threads have work.
    for queries in _slices(tokens, tokens if tokens**2 <= limit else limit // (4 * tokens)):
        bias = places.bias(table, queries).to(dtype)
        grad_bias = torch.zeros_like(bias)
        for grad_strip, qkv_strip, grad_qkv_strip in strips(rows, _STRIP_TOKENS, grad, qkv, grad_qkv):
            matrices = _matrices(_by_group(qkv_strip, cols, 3, num_heads), dtype)
            (grad_result,) = _matrices(_by_group(grad_strip, cols, 1, num_heads), dtype)
            grads = _backward_of_queries(matrices, grad_result, queries, bias, grad_bias)
            target = _by_group(grad_qkv_strip, cols, 3, num_heads)
            write = target.copy_ if queries.start == 0 else target.add_
            write(grads.view(target.shape))
        places.add_gradient(grad_table, grad_bias, queries)


def _backward_of_queries(
    matrices: Tensor, grad_result: Tensor, queries: slice, bias: Tensor, grad_bias: Tensor
) -> Tensor:
    """Returns the gradient of queries, keys and values [3, groups, h, N, d] through the results of some queries.

    The gradient of the results is [groups, h, N, d]; that of the biases [h, Q, N] is added to `grad_bias`.
    """
    q, k, v = matrices
    scale, tokens = q.shape[3] ** -0.5, q.shape[2]
    grads = torch.zeros_like(matrices) if queries.stop - queries.start < tokens else torch.empty_like(matrices)
    for groups, heads in _parts(q[:, :, queries], tokens):
        some, every = (groups, heads, queries), (groups, heads)
        some_q, some_grad = q[some].flatten(0, 1), grad_result[some].flatten(0, 1)
        some_k, some_v = k[every].flatten(0, 1), v[every].flatten(0, 1)
        probabilities = _probabilities(q[some], k[every], bias[heads])
        grad_logits = torch.bmm(some_grad, some_v.mT)
        torch._softmax_backward_data(grad_logits, probabilities, -1, grad_logits.dtype, grad_input=grad_logits)
        grad_q, grad_k, grad_v = (x.flatten(0, 1) for x in (grads[0][some], grads[1][every], grads[2][every]))
        torch.baddbmm(grad_q, grad_logits, some_k, beta=0, alpha=scale, out=grad_q)
        torch.baddbmm(grad_k, grad_logits.mT, some_q, beta=0, alpha=scale, out=grad_k)
        torch.bmm(probabilities.mT, some_grad, out=grad_v)
        grad_bias[heads] += grad_logits.unflatten(0, q[some].shape[:2]).sum(0)
    return grads


def _slices(length: int, step: int) -> Iterator[slice]:
    step = max(1, step)
    for start in range(0, length, step):
        yield slice(start, min(start + step, length))


def _parts(q: Tensor, keys: int) -> Iterator[tuple[slice, slice]]:
    """Cuts matrices [groups, h, Q, d] so that few logits exist at a time: whole groups, or heads of one."""
    groups, heads, queries, _ = q.shape
    step = max(1, _CHUNK_LOGITS.get(q.device.type, _ELSEWHERE) // (queries * keys))
    for some_groups in _slices(groups, step // heads):
        for some_heads in _slices(heads, min(step, heads)):
            yield some_groups, some_heads


def _probabilities(q: Tensor, k: Tensor, bias: Tensor) -> Tensor:
    """Softmax of the logits of queries and keys [groups, h, ...]: [groups * h, Q, N]."""
    logits = bias.repeat(len(q), 1, 1)
    logits = torch.baddbmm(logits, q.flatten(0, 1), k.flatten(0, 1).mT, alpha=q.shape[3] ** -0.5, out=logits)
    return torch.softmax(logits, -1, out=logits)


def _by_group(strip: Tensor, cols: Run, parts: int, num_heads: int) -> Tensor:
    """Views a strip [B, R, P, M, W, K * h * d] as [K, B, R, P, r, p, h, M, m, d]."""
    x = strip.unflatten(-1, (parts, num_heads, -1))  # [B, R, P, M, W, K, h, d]
    x = split_axis(x, 4, cols)  # [B, R, P, M, r, m, K, h, d, p]
    return x.permute(6, 0, 1, 2, 4, 9, 7, 3, 5, 8)


def _matrices(view: Tensor, dtype: torch.dtype) -> Tensor:
    """Copies what `_by_group` views into matrices [K, groups, h, N, d]."""
    matrices = torch.empty(view.shape, dtype=dtype, device=view.device).copy_(view)
    return matrices.flatten(-3, -2).flatten(1, -4)


def _precise(dtype: torch.dtype) -> torch.dtype:
    return torch.float32 if dtype.itemsize < 4 else dtype
