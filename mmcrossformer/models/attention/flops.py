"""How many floating point operations the operators of group attention take, for torch's `FlopCounterMode`.

The counter passes shapes instead of tensors, then the other arguments of the operator.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from torch.utils.flop_counter import flop_registry, register_flop_formula

from mmcrossformer.models.attention.grouping import grouping_of

_Formula = TypeVar('_Formula', bound=Callable[..., int])


def register_flops(operator: Any) -> Callable[[_Formula], _Formula]:
    """Registers a formula with torch's counter, for an operator."""

    def register(formula: _Formula) -> _Formula:
        counted = register_flop_formula(operator)(formula)
        flop_registry.setdefault(operator, counted)  # torch 2.4 registers overloads, and then looks for the operator
        return formula

    return register


def count_flops(
    qkv_shape: Sequence[int],
    table_shape: Sequence[int],
    num_heads: int,
    size: Sequence[int],
    interval: Sequence[int],
    **kwargs: Any,
) -> int:
    """Counts two products, of a multiply and an add, for each pair of tokens in a group and each channel."""
    batch, _, _, channels = qkv_shape
    rows, cols = grouping_of(qkv_shape, size, interval).runs
    pairs = math.prod(sum(run.regions * run.phases * run.members**2 for run in runs) for runs in (rows, cols))
    return 2 * 2 * batch * pairs * (channels // 3)


def count_flops_backward(grad_shape: Sequence[int], *args: Any, **kwargs: Any) -> int:
    """Counts the logits once more, and two products for each one of the forward pass."""
    return count_flops(*args, **kwargs) * 5 // 2
