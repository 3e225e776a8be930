"""Dynamic position bias."""

from torch import Tensor, nn

from mmcrossformer.models.attention.grouping import relative_offsets
from mmcrossformer.models.layers.precision import autocast_off


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

    def forward(self, size: tuple[int, int]) -> Tensor:
        """Computes the bias of every offset that occurs in a group.

        Args:
            size: Rows and columns of the group.

        Returns:
            Bias [num_heads, P] of the offsets in the order of `relative_offsets`, in the dtype of the weights: raw
            integer offsets lose too much in half precision, so autocast stays off.
        """
        weight = self._any_weight()
        with autocast_off(weight.device.type):
            x = self.proj(relative_offsets(size, weight.device).to(weight.dtype))
            for layer in self.layers:
                x = layer(x)
            return x.t().contiguous()

    def _any_weight(self) -> Tensor:
        """A weight, for device and dtype. Any layer may have been replaced, and FSDP hides `parameters()`."""
        weights = (getattr(layer, 'weight', None) for layer in self.modules())
        return next(weight for weight in weights if isinstance(weight, Tensor))
