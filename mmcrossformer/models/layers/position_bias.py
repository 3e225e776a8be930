"""Position biases: dynamic (DPB), learned tables, and tables baked for exported programs."""

from typing import Any

import torch
from torch import Tensor, nn

from mmcrossformer.models.attention.grouping import relative_offsets
from mmcrossformer.models.layers.precision import autocast_off


class DynamicPositionBias(nn.Module):
    """DPB: an MLP that turns the offset between two tokens into a bias for each head.

    CrossFormer (ICLR 2022), section 3.2.2. Its weights do not depend on the group size, so groups may change their size
    without retraining.

    Without gradients the last result is kept until a weight changes, another size is asked for, or `train()` or
    `eval()` is called. What is written through a weight's `.data` cannot be seen: call `eval()` behind it, as the
    loops of mmengine do.

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
        self._kept: _Kept | None = None

    def forward(self, size: tuple[int, int]) -> Tensor:
        """Computes the bias of every offset that occurs in a group.

        Args:
            size: Rows and columns of the group.

        Returns:
            Bias [num_heads, P] of the offsets in the order of `relative_offsets`, in the dtype of the weights: raw
            integer offsets lose too much in half precision, so autocast stays off.
        """
        weight = self.proj.weight
        trained = torch.is_grad_enabled() and weight.requires_grad
        # FSDP puts plain tensors in the place of parameters where it recomputes a block.
        if torch.compiler.is_compiling() or trained or not isinstance(weight, nn.Parameter):
            return self._compute(size)
        if self._kept is None or not self._kept.holds(size, self):
            self._kept = _Kept(size, self, self._compute(size).detach())
        return self._kept.table

    def _compute(self, size: tuple[int, int]) -> Tensor:
        weight = self.proj.weight
        with autocast_off(weight.device.type):
            x = self.proj(relative_offsets(size, weight.device).to(weight.dtype))
            for layer in self.layers:
                x = layer(x)
            return x.t().contiguous()

    def train(self, mode: bool = True) -> 'DynamicPositionBias':
        """Sets the mode and drops the kept result."""
        self._kept = None
        return super().train(mode)

    def __getstate__(self) -> dict[str, Any]:
        """Copies and pickles leave the kept result out."""
        return nn.Module.__getstate__(self) | dict(_kept=None)


class _Kept:
    """A table, and what tells whether it still belongs to the weights.

    Every write in place raises a tensor's version; a parameter that moved or was replaced has another address. The old
    storage is held, so that its address cannot be given to new weights.
    """

    def __init__(self, size: tuple[int, int], module: nn.Module, table: Tensor) -> None:
        self.size, self.table = size, table
        self.weights = [(weight.detach(), _version(weight)) for weight in module.parameters()]

    def holds(self, size: tuple[int, int], module: nn.Module) -> bool:
        return self.size == size and all(
            (old.data_ptr(), old.dtype, old.device, version) == (new.data_ptr(), new.dtype, new.device, _version(new))
            for (old, version), new in zip(self.weights, module.parameters(), strict=True)
        )


def _version(tensor: Tensor) -> int:
    """How often a tensor was written to; those made in inference mode do not count and cannot be trained."""
    return 0 if tensor.is_inference() else tensor._version


class PositionBiasTable(nn.Module):
    """A learned bias for each offset inside groups of one size, as Swin Transformer and CAT have it.

    Args:
        places: Rows, and columns, of the groups.
        num_heads: Number of attention heads.
    """

    def __init__(self, places: int, num_heads: int) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.empty((2 * places - 1) ** 2, num_heads))
        nn.init.trunc_normal_(self.table, std=0.02)

    def forward(self, size: tuple[int, int]) -> Tensor:
        """Gives the bias of every offset in a group: [num_heads, P]; there is one `size`, (places, places)."""
        return self.table.t().contiguous()


class BakedPositionBias(nn.Module):
    """A position bias as a table, for exported programs: nothing is computed, and nothing can be trained.

    Args:
        source: The position bias to bake.
        places: Rows and columns of the largest group it is good for.
    """

    table: Tensor

    def __init__(self, source: DynamicPositionBias, places: int) -> None:
        super().__init__()
        self.places = places
        with torch.no_grad():
            table = source((places, places)).unflatten(1, (2 * places - 1, 2 * places - 1))
        self.register_buffer('table', table.clone())

    def forward(self, size: tuple[int, int]) -> Tensor:
        """Reads the bias of every offset that occurs in a group.

        Args:
            size: Rows and columns of the group (Gh, Gw), in tokens.

        Returns:
            Bias [num_heads, (2 * Gh - 1) * (2 * Gw - 1)], in the order of `relative_offsets`.

        Raises:
            IndexError: A group larger than the table.
        """
        rows, cols = (torch.arange(2 * side - 1, device=self.table.device) + (self.places - side) for side in size)
        return self.table[:, rows[:, None], cols].flatten(1)
