"""The two shapes of an absolute position encoding."""

import math

from torch import Tensor


def as_map(position: Tensor) -> Tensor:
    """Turns a row of tokens [1, N, C] into a map [1, C, side, side]; leaves what is none, or no square, as it is."""
    if position.dim() != 3 or math.isqrt(position.shape[1]) ** 2 != position.shape[1]:
        return position
    side = math.isqrt(position.shape[1])
    return position.transpose(1, 2).unflatten(2, (side, side)).contiguous()


def as_tokens(position: Tensor) -> Tensor:
    """Turns a map [1, C, side, side] into a row of tokens [1, N, C]."""
    return position.flatten(2).transpose(1, 2).contiguous()
