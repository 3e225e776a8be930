"""Attention inside groups on the GPU, directly on the map: no copies of the groups, no padded tokens.

`group_attention` copies tokens into groups and back, and looks up a bias for every pair of tokens. The kernels of
`triton_kernels` compute where the tokens of a group are on the map, for SDA and LDA. Triton is optional:
this module imports without it, and `supports_triton` says whether it can be used.
"""

import importlib.util
import itertools
import math
import os
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from mmcrossformer.models.attention.flops import count_flops, count_flops_backward, register_flops
from mmcrossformer.models.attention.grouping import Grouping, Places, grouping_of

# With the Triton of older versions the kernels compute other numbers. torch compares versions, not strings.
INSTALLED = torch.__version__ >= '2.7' and importlib.util.find_spec('triton') is not None
DTYPES = (torch.float32, torch.float16, torch.bfloat16)

# Queries and keys that a program holds at once, at most: the window of 7 x 7 fits.
TILE = 64

# Groups are divided into chunks. There are at most as many programs as this, several times what a large GPU runs at
# once, and in the backward pass the chunks' gradients of the bias take at most as many bytes.
PROGRAMS = 4096
PARTIAL_BYTES = 64 * 2**20


@torch.compiler.assume_constant_result
def supports_triton(device: torch.device | str) -> bool:
    """Whether `triton_group_attention` runs on a device.

    Args:
        device: Where the tensors are.

    Returns:
        True for a GPU that Triton compiles for (compute capability 8.0 and later), and for the CPU under Triton's
        interpreter, which is slow and there for tests (`TRITON_INTERPRET=1` before Triton is imported).
    """
    device = torch.device(device)
    if not INSTALLED:
        return False
    if device.type == 'cuda':
        return torch.cuda.get_device_capability(device) >= (8, 0)
    return device.type == 'cpu' and _interpreted()


def triton_group_attention(qkv: Tensor, bias: Tensor, grouping: Grouping, num_heads: int) -> Tensor:
    """Lets each token of a map attend to its group, with a bias for each offset.

    CrossFormer (ICLR 2022), section 3.2.1 and 3.2.2. Softmax and sums are in single precision. Products of single
    precision use TF32 if `torch.set_float32_matmul_precision` allows it. Gradients flow to `qkv` and `bias`; they have
    no gradients themselves. Under `torch.use_deterministic_algorithms` they are bitwise reproducible for groups of up
    to `TILE` tokens (fewer with wide heads); in larger ones the parts of a token's gradient are added in no fixed
    order, in a float32 buffer of the size of `qkv`. Memory is linear in the tokens.

    Args:
        qkv: Queries, keys and values [B, H, W, 3*C], last axis in this order, each split into heads; float32, float16
            or bfloat16.
        bias: Bias of each head and offset [num_heads, P], offsets in the order of `relative_offsets`:
            P = (2*Gh - 1) * (2*Gw - 1) for groups of Gh x Gw tokens.
        grouping: How the map is grouped.
        num_heads: Number of heads; divides C.

    Returns:
        Map [B, H, W, C], dtype of `qkv`.

    Raises:
        ValueError: A shape or dtype does not fit the others, or a group spans `2**31` elements of `qkv` or more.
        RuntimeError: Triton does not run on the device of `qkv` (see `supports_triton`).
    """
    if qkv.ndim != 4 or tuple(qkv.shape[1:3]) != (grouping.height, grouping.width):
        allowed = f'[B, {grouping.height}, {grouping.width}, 3*C]'
        raise ValueError(f'qkv has shape {tuple(qkv.shape)}; the grouping takes {allowed}')
    if num_heads < 1 or qkv.shape[3] == 0 or qkv.shape[3] % (3 * num_heads):
        allowed = f'a positive multiple of 3 * num_heads = {3 * num_heads}'
        raise ValueError(f'qkv has {qkv.shape[3]} channels; allowed is {allowed}')
    if qkv.dtype not in DTYPES:
        raise ValueError(f'qkv has dtype {qkv.dtype}; allowed are {", ".join(map(str, DTYPES))}')
    table = (num_heads, (2 * grouping.size[0] - 1) * (2 * grouping.size[1] - 1))
    if tuple(bias.shape) != table:
        raise ValueError(f'bias has shape {tuple(bias.shape)}; groups of {grouping.size} take {list(table)}')
    if bias.device != qkv.device or not bias.is_floating_point():
        allowed = f'floating point on {qkv.device}, where qkv is'
        raise ValueError(f'bias is {bias.dtype} on {bias.device}; allowed is {allowed}')
    # The kernels count distances inside a group in 32 bits.
    span = grouping.size[0] * grouping.interval[0] * grouping.width * qkv.shape[3]
    if span >= 2**31:
        raise ValueError(f'a group of qkv spans {span} elements; allowed are fewer than {2**31}')
    return _attention(qkv, bias, num_heads, grouping.size, grouping.interval)[0]


@torch.library.custom_op(
    'mmcrossformer::triton_group_attention',
    mutates_args=(),
    schema='(Tensor qkv, Tensor bias, int num_heads, SymInt[] size, SymInt[] interval) -> (Tensor, Tensor)',
)
def _attention(
    qkv: Tensor, bias: Tensor, num_heads: int, size: Sequence[int], interval: Sequence[int]
) -> tuple[Tensor, Tensor]:
    """Output [B, H, W, C] and logsumexp of the logits, float32 [B, heads, H, W]."""
    qkv, bias = qkv.contiguous(), bias.contiguous()
    batch, height, width, channels = qkv.shape
    out = qkv.new_empty(batch, height, width, channels // 3)
    lse = qkv.new_empty(batch, num_heads, height, width, dtype=torch.float32)
    launch = _Launch(qkv, num_heads, size, interval)
    # Programs of one tile share its bias among several groups; in larger groups there is none to share.
    all_groups = batch * launch.groups
    chunks = min(all_groups, math.ceil(PROGRAMS / num_heads)) if launch.tiles == 1 else all_groups
    if all_groups:
        launch(
            launch.kernels.forward_kernel,
            chunks * num_heads * launch.tiles,
            *(qkv, bias, out, lse),
            num_warps=launch.warps(16),
            all_groups=all_groups,
            chunks=chunks,
        )
    return out, lse


@torch.library.custom_op(
    'mmcrossformer::triton_group_attention_backward',
    mutates_args=(),
    schema='(Tensor grad, Tensor qkv, Tensor bias, Tensor out, Tensor lse, int num_heads, SymInt[] size,'
    ' SymInt[] interval) -> (Tensor, Tensor)',
)
def _attention_backward(
    grad: Tensor,
    qkv: Tensor,
    bias: Tensor,
    out: Tensor,
    lse: Tensor,
    num_heads: int,
    size: Sequence[int],
    interval: Sequence[int],
) -> tuple[Tensor, Tensor]:
    """Gradients of qkv and of the bias."""
    grad, qkv, bias, out, lse = (x.contiguous() for x in (grad, qkv, bias, out, lse))
    launch = _Launch(qkv, num_heads, size, interval)
    # Tiles add to the gradient in single precision; one tile alone stores it as it is.
    grad_qkv = torch.empty_like(qkv) if launch.tiles == 1 else torch.zeros_like(qkv, dtype=torch.float32)
    grad_bias = torch.zeros(bias.shape, dtype=torch.float32, device=bias.device)

    tokens, all_groups = math.prod(size), len(qkv) * launch.groups
    places = Places(launch.grouping.size, launch.grouping.size)
    # Large groups are processed some queries and heads at a time, so that the bytes suffice.
    query_tiles = min(launch.tiles, max(1, PARTIAL_BYTES // (4 * tokens * launch.tile)))
    partials = max(1, PARTIAL_BYTES // (4 * tokens * min(tokens, query_tiles * launch.tile)))
    heads = min(num_heads, partials)
    chunks = min(all_groups, partials // heads, math.ceil(PROGRAMS / (heads * query_tiles * launch.tiles)))
    for first_head, first_tile in itertools.product(range(0, num_heads, heads), range(0, launch.tiles, query_tiles)):
        some_heads = min(heads, num_heads - first_head)
        some_tiles = min(query_tiles, launch.tiles - first_tile)
        queries = slice(first_tile * launch.tile, min(tokens, (first_tile + some_tiles) * launch.tile))
        partial = qkv.new_empty(chunks, some_heads, queries.stop - queries.start, tokens, dtype=torch.float32)
        if programs := chunks * some_heads * some_tiles * launch.tiles:
            launch(
                launch.kernels.backward_kernel,
                programs,
                *(qkv, bias, out, lse, grad, grad_qkv, partial),
                num_warps=launch.warps(8),
                all_groups=all_groups,
                chunks=chunks,
                heads=some_heads,
                first_head=first_head,
                query_tiles=some_tiles,
                first_tile=first_tile,
            )
        places.add_gradient(grad_bias[first_head : first_head + some_heads], partial.sum(0), queries)
    return grad_qkv.to(qkv.dtype), grad_bias.to(bias.dtype)


class _Launch:
    """Starts both kernels: their arguments that describe a map and its grouping."""

    def __init__(self, qkv: Tensor, num_heads: int, size: Sequence[int], interval: Sequence[int]) -> None:
        if not supports_triton(qkv.device):
            raise RuntimeError(f'Triton does not run on {qkv.device}: see supports_triton')
        self.kernels = _kernels()
        self.qkv = qkv
        _, height, width, channels = qkv.shape
        # Groups of an image that have tokens.
        self.grouping = grouping_of(qkv.shape, size, interval)
        group_rows, group_cols = (sum(run.regions * run.phases for run in axis) for axis in self.grouping.runs)
        self.groups = group_rows * group_cols
        head_dim = channels // (3 * num_heads)
        padded_dim = max(16, _power_of_two(head_dim))
        # 16 is the minimum of tensor cores. Wide heads get smaller tiles, which must fit the shared memory.
        self.tile = max(16, min(TILE, _power_of_two(math.prod(size)), 2**13 // (padded_dim * qkv.element_size())))
        self.tiles = math.ceil(math.prod(size) / self.tile)
        self.sizes = (height, width, *size, *interval, self.groups, group_cols)
        self.constants = dict(
            HEADS=num_heads,
            DIM=head_dim,
            PADDED_DIM=padded_dim,
            TILE=self.tile,
            ONE_TILE=self.tiles == 1,
            OPERAND=self._operand(),
            PRECISION='ieee' if torch.get_float32_matmul_precision() == 'highest' else 'tf32',
        )

    def __call__(self, kernel: Any, programs: int, *tensors: Tensor, **constants: int) -> None:
        # Single precision has no registers or shared memory left to load ahead.
        stages = 1 if self.qkv.dtype == torch.float32 else 2
        with torch.cuda.device_of(self.qkv):
            kernel[(programs,)](*tensors, *self.sizes, num_stages=stages, **constants, **self.constants)

    def warps(self, rows: int) -> int:
        """Warps for a program, one for so many rows of the tile; exact single precision fills twice the registers."""
        exact = self.qkv.dtype == torch.float32 and self.constants['PRECISION'] == 'ieee'
        return max(1, self.tile // rows * (2 if exact else 1))

    def _operand(self) -> Any:
        """Dtype of the operands of matrix products: the map's, but Triton's interpreter cannot multiply bfloat16."""
        dtype = torch.float32 if self.qkv.dtype == torch.bfloat16 and _interpreted() else self.qkv.dtype
        return getattr(self.kernels.tl, str(dtype).removeprefix('torch.'))


def _kernels() -> ModuleType:
    from mmcrossformer.models.attention import triton_kernels

    return triton_kernels


def _interpreted() -> bool:
    return os.environ.get('TRITON_INTERPRET') == '1'


def _power_of_two(number: int) -> int:
    return 1 << (number - 1).bit_length()


@_attention.register_fake
def _(qkv: Tensor, bias: Tensor, num_heads: int, size: Sequence[int], interval: Sequence[int]) -> tuple[Tensor, Tensor]:
    batch, height, width, channels = qkv.shape
    lse = qkv.new_empty(batch, num_heads, height, width, dtype=torch.float32)
    return qkv.new_empty(batch, height, width, channels // 3), lse


@_attention_backward.register_fake
def _(grad: Tensor, qkv: Tensor, bias: Tensor, *args: Any) -> tuple[Tensor, Tensor]:
    return qkv.new_empty(qkv.shape), bias.new_empty(bias.shape)


def _setup_context(ctx: Any, inputs: tuple, output: tuple[Tensor, Tensor]) -> None:
    qkv, bias, *ctx.settings = inputs
    ctx.save_for_backward(qkv, bias, *output)
    # Nothing uses the logsumexp, so its gradient needs no zeros.
    ctx.set_materialize_grads(False)


def _backward(ctx: Any, grad: Tensor, _: None) -> tuple[Tensor | None, ...]:
    return *_attention_backward(grad, *ctx.saved_tensors, *ctx.settings), None, None, None


_attention.register_autograd(_backward, setup_context=_setup_context)


register_flops(torch.ops.mmcrossformer.triton_group_attention)(count_flops)


@register_flops(torch.ops.mmcrossformer.triton_group_attention_backward)
def _backward_flops(
    grad: Sequence[int],
    qkv: Sequence[int],
    bias: Sequence[int],
    out: Sequence[int],
    lse: Sequence[int],
    *args: Any,
    **_: Any,
) -> int:
    return count_flops_backward(grad, qkv, bias, *args)
