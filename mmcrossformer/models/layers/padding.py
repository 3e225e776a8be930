"""Padding of maps."""

import torch
import torch.nn.functional as F
from torch import Tensor


def pad_map(x: Tensor, multiple: int) -> Tensor:
    """Pads a map [B, H, W, C] with zeros, on the bottom and the right, to a multiple of tokens along each side."""
    pad_h, pad_w = -x.shape[1] % multiple, -x.shape[2] % multiple
    # Compiled code pads in any case, for it shall be one for all sizes.
    if torch.compiler.is_compiling() or pad_h or pad_w:
        x = F.pad(x, (0, 0, 0, pad_w, 0, pad_h))
    return x
