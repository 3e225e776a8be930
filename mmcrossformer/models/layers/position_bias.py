"""Dynamic position bias."""

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn


class DynamicPositionBias(nn.Module):
    """DPB: an MLP that turns the offset between two tokens into a bias for each head.

    CrossFormer (ICLR 2022), section 3.2.2. Its weights do not depend on the group size, so groups may change their size
    without retraining.

    Args:
        dim: Width of the hidden layers.
        num_heads: Number of attention heads.
    """

    def __init__(self, dim: int, num_heads: int) -> None:
        super().__init__()
        self.proj = nn.Linear(2, dim)
        self.layers = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(dim), nn.ReLU(), nn.Linear(dim, out)) for out in (dim, dim, num_heads)
        )

    def forward(self, offsets: Tensor, index: Tensor) -> Tensor:
        """Computes the bias of every pair of tokens in a group.

        Args:
            offsets: Distinct (row, column) offsets between places of a group, [P, 2].
            index: Row of `offsets` for each query and key, [N, N].

        Returns:
            Bias [num_heads, N, N], in the dtype of the weights: raw integer offsets lose too much in half precision,
            so autocast stays off.
        """
        with _full_precision(offsets.device.type):
            x = self.proj(offsets.to(self.proj.weight.dtype))
            for layer in self.layers:
                x = layer(x)
            return x.t().index_select(1, index.flatten()).unflatten(1, index.shape)


def _full_precision(device_type: str) -> AbstractContextManager:
    """Switches autocast off, on devices that have it (the meta device has not)."""
    return torch.autocast(device_type, enabled=False) if torch.amp.is_autocast_available(device_type) else nullcontext()
