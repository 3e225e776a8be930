"""Attention inside groups in plain torch, forward and backward, as one operator.

The map is walked through in strips: some groups of rows with all their columns. What a strip needs stays in the cache
of a processor. No tensor holds a number for each pair of tokens of a large group: in the forward pass torch's fused
attention takes them, in the backward pass some queries at a time, and the bias is looked up for the queries at hand.
Memory is linear in the tokens, in training too. Nothing is padded (see `grouping`).

As an operator of its own, attention is opaque to `torch.compile`: sizes of a map choose the loops here, not a new
compilation.
"""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.flop_counter import register_flop_formula

from mmcrossformer.models.attention.grouping import Grouping, Run, offset_index, split_axis
from mmcrossformer.models.layers.precision import autocast_off

# Tokens of a strip: few enough to stay in the cache of a processor, enough for large operations.
_STRIP_TOKENS = {'cpu': 2**12}
# Logits computed at a time.
_CHUNK_LOGITS = {'cpu': 2**20}
# Biases looked up at a time for fused attention, which keeps no logits.
_CHUNK_BIASES = 2**22
# Other devices have less use for their caches than for large operations.
_ELSEWHERE = 2**25
# Fused attention of torch is faster for groups of more tokens, products of small matrices for groups of fewer.
_FUSED_TOKENS = 196


def group_attention(qkv: Tensor, table: Tensor, grouping: Grouping, num_heads: int) -> Tensor:
    """Scaled dot-product attention inside the groups of a map, with a bias by offset.

    CrossFormer (ICLR 2022), section 3.2.1. Half precision is computed in float32 inside; large groups on processors by
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


def grouping_of(shape: Sequence[int], size: Sequence[int], interval: Sequence[int]) -> Grouping:
    """Returns how a map [B, H, W, ...] is cut: operators take a grouping as lists of numbers."""
    height, width = shape[1:3]
    (size_h, size_w), (interval_h, interval_w) = size, interval
    return Grouping(height, width, (size_h, size_w), (interval_h, interval_w))


@torch.library.custom_op('mmcrossformer::group_attention', mutates_args=())
def _attend(qkv: Tensor, table: Tensor, num_heads: int, size: Sequence[int], interval: Sequence[int]) -> Tensor:
    grouping = grouping_of(qkv.shape, size, interval)
    out = qkv.new_empty(*qkv.shape[:3], qkv.shape[3] // 3)
    with autocast_off(qkv.device.type):
        attend_map(qkv, out, table, grouping)
    return out


@_attend.register_fake
def _(qkv: Tensor, table: Tensor, num_heads: int, size: Sequence[int], interval: Sequence[int]) -> Tensor:
    return qkv.new_empty(*qkv.shape[:3], qkv.shape[3] // 3)


@torch.library.custom_op('mmcrossformer::group_attention_backward', mutates_args=())
def _attend_backward(
    grad: Tensor, qkv: Tensor, table: Tensor, num_heads: int, size: Sequence[int], interval: Sequence[int]
) -> tuple[Tensor, Tensor]:
    grouping = grouping_of(qkv.shape, size, interval)
    grad_qkv, grad_table = torch.empty_like(qkv), torch.zeros_like(table, dtype=_precise(qkv.dtype))
    with autocast_off(qkv.device.type):
        for rows, cols in itertools.product(*grouping.runs):
            _attend_runs_backward(grad, qkv, grad_qkv, table, grad_table, grouping, rows, cols)
    return grad_qkv, grad_table.to(table.dtype)


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


def strips(run: Run, tokens: Mapping[str, int], *maps: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Cuts maps of equal height and width into strips of whole groups.

    Args:
        run: Groups of rows.
        tokens: About how many tokens a strip has, by type of device.
        *maps: Tensors [B, H, W, ...].

    Yields:
        A view of each map: some groups of rows with all columns, [images, regions, phases, members, W, ...].
    """
    views = [split_axis(x, 1, run).movedim(-1, 2) for x in maps]
    images, regions, phases, members, width = views[0].shape[:5]
    groups = max(1, tokens.get(maps[0].device.type, _ELSEWHERE) // (members * width))
    steps = max(1, groups // (regions * phases)), max(1, groups // phases), groups
    for part in itertools.product(*map(_slices, (images, regions, phases), steps)):
        yield tuple(view[part] for view in views)


def attend_map(qkv: Tensor, out: Tensor, table: Tensor, grouping: Grouping) -> None:
    """Attention inside the groups of a map: qkv [B, H, W, 3C] and out [B, H, W, C], the rest as for `attend_strip`."""
    for rows in grouping.runs[0]:
        for qkv_strip, out_strip in strips(rows, _STRIP_TOKENS, qkv, out):
            attend_strip(qkv_strip, out_strip, table, grouping)


def attend_strip(qkv: Tensor, out: Tensor, table: Tensor, grouping: Grouping) -> None:
    """Attention inside the groups of a strip.

    Args:
        qkv: A strip with 3C channels, as `strips` yields it.
        out: A strip with C channels; written to.
        table: Bias of each offset, [heads, P].
        grouping: How the map is cut.
    """
    num_heads = len(table)
    for run in grouping.runs[1]:
        size = qkv.shape[3], run.members
        fused = math.prod(size) > _FUSED_TOKENS
        dtype = qkv.dtype if fused else _precise(qkv.dtype)
        q, k, v = _matrices(_by_group(qkv, run, 3, num_heads), dtype)
        result = torch.empty_like(q)
        attend = _attend_fused if fused else _attend_small
        attend(q, k, v, result, table, Places(grouping.size, size))
        target = _by_group(out, run, 1, num_heads)
        target.copy_(result.view(target.shape))


def _attend_small(q: Tensor, k: Tensor, v: Tensor, result: Tensor, table: Tensor, places: 'Places') -> None:
    """Writes the attention of queries, keys and values [groups, heads, N, head_dim] to `result`, likewise."""
    bias = places.bias(table, slice(None)).to(q.dtype)
    for part in _parts(q, k.shape[2]):
        probabilities = _probabilities(q[part], k[part], bias[part[1]])
        torch.bmm(probabilities, v[part].flatten(0, 1), out=result[part].flatten(0, 1))


def _attend_fused(q: Tensor, k: Tensor, v: Tensor, result: Tensor, table: Tensor, places: 'Places') -> None:
    """The same by torch's fused attention, for large groups."""
    groups, num_heads, tokens, _ = q.shape
    # On other devices torch may have no fused kernel for a bias, and hold the logits of all groups.
    on_cpu = q.device.type == 'cpu'
    at_a_time = _CHUNK_BIASES // (num_heads * tokens) if on_cpu else _ELSEWHERE // (groups * num_heads * tokens)
    # Fused attention for processors takes an exact bias beside values of half precision.
    dtype = _precise(q.dtype) if on_cpu else q.dtype
    for queries in _slices(tokens, at_a_time):
        bias = places.bias(table, queries).to(dtype)
        result[:, :, queries] = F.scaled_dot_product_attention(q[:, :, queries], k, v, attn_mask=bias[None])


def _attend_runs_backward(
    grad: Tensor,
    qkv: Tensor,
    grad_qkv: Tensor,
    table: Tensor,
    grad_table: Tensor,
    grouping: Grouping,
    rows: Run,
    cols: Run,
) -> None:
    """Writes the gradient of queries, keys and values of groups of one size; that of the biases is added to its table.

    Large groups are gone through once for some of their queries at a time.
    """
    num_heads, dtype = len(table), grad_table.dtype
    places, tokens = Places(grouping.size, (rows.members, cols.members)), rows.members * cols.members
    limit = _CHUNK_LOGITS.get(qkv.device.type, _ELSEWHERE)
    # Several matrices at a time keep several threads busy.
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
    """Gradient of queries, keys and values through the results of some queries; that of the bias is added.

    Args:
        matrices: Queries, keys and values [3, groups, heads, N, head_dim].
        grad_result: Gradient of the results, [groups, heads, N, head_dim].
        queries: Which results.
        bias: Their biases, [heads, Q, N].
        grad_bias: Gradient of the biases; added to.

    Returns:
        Gradient of `matrices`.
    """
    q, k, v = matrices
    scale, tokens = _scale(q), q.shape[2]
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


class Places:
    """The places of the groups of one size, and the biases of pairs of them.

    Args:
        full: Rows and columns of the largest groups of the map; the table of biases has their offsets.
        size: Rows and columns of these groups.
    """

    def __init__(self, full: tuple[int, int], size: tuple[int, int]) -> None:
        self.full, self.size = full, size

    def bias(self, table: Tensor, queries: slice) -> Tensor:
        """Looks up the biases of some queries with all keys: table [heads, P] to [heads, Q, N]."""
        index = offset_index(self.full, self.size, queries, table.device)
        return table.index_select(1, index.flatten()).unflatten(1, index.shape)

    def add_gradient(self, grad_table: Tensor, grad_bias: Tensor, queries: slice) -> None:
        """Adds the gradient of what `bias` returned, [heads, Q, N], to that of the table."""
        index = offset_index(self.full, self.size, queries, grad_table.device)
        grad_table.index_add_(1, index.flatten(), grad_bias.flatten(1))


def _slices(length: int, step: int) -> Iterator[slice]:
    for start in range(0, length, max(1, step)):
        yield slice(start, min(start + max(1, step), length))


def _parts(q: Tensor, keys: int) -> Iterator[tuple[slice, slice]]:
    """Cuts matrices [groups, heads, Q, head_dim] so that few logits exist at a time: whole groups, or heads of one."""
    groups, heads, queries, _ = q.shape
    step = max(1, _CHUNK_LOGITS.get(q.device.type, _ELSEWHERE) // (queries * keys))
    for some_groups in _slices(groups, step // heads):
        for some_heads in _slices(heads, min(step, heads)):
            yield some_groups, some_heads


def _probabilities(q: Tensor, k: Tensor, bias: Tensor) -> Tensor:
    """Softmax of the logits of queries and keys [groups, heads, ...]: [groups * heads, Q, N]."""
    logits = bias.repeat(len(q), 1, 1)
    logits = torch.baddbmm(logits, q.flatten(0, 1), k.flatten(0, 1).mT, alpha=_scale(q), out=logits)
    return torch.softmax(logits, -1, out=logits)


def _by_group(x: Tensor, run: Run, parts: int, num_heads: int) -> Tensor:
    """Views a strip as [parts, images, regions, phases, regions, phases, heads, members, members, head_dim]."""
    x = split_axis(x.unflatten(-1, (parts, num_heads, -1)), 4, run)
    return x.permute(6, 0, 1, 2, 4, 9, 7, 3, 5, 8)


def _matrices(view: Tensor, dtype: torch.dtype) -> Tensor:
    """Copies what `_by_group` views into matrices [parts, groups, heads, N, head_dim]."""
    matrices = torch.empty(view.shape, dtype=dtype, device=view.device).copy_(view)
    return matrices.flatten(-3, -2).flatten(1, -4)


def _scale(matrices: Tensor) -> float:
    return matrices.shape[-1] ** -0.5


def _precise(dtype: torch.dtype) -> torch.dtype:
    return torch.float32 if dtype.itemsize < 4 else dtype
