"""What CAT (arXiv 2106.05786) has instead of cross-scale embeddings and the dynamic position bias."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmcrossformer.models.layers.embed import CrossScaleEmbed


def pad_map(x: Tensor, multiple: int) -> Tensor:
    """Pads a map [B, H, W, C] with zeros, on the bottom and the right, to a multiple of tokens along each side."""
    pad_h, pad_w = -x.shape[1] % multiple, -x.shape[2] % multiple
    # Compiled code always pads, so that it is the same for all sizes.
    if torch.compiler.is_compiling() or pad_h or pad_w:
        x = F.pad(x, (0, 0, 0, pad_w, 0, pad_h))
    return x


class PositionedEmbed(CrossScaleEmbed):
    """An embedding with a learned position encoding, resized (bicubic) to the map.

    CAT (arXiv 2106.05786) embeds as a Vision Transformer does: one kernel without overlap, and an absolute position
    encoding.

    Args:
        in_dim: Channels of the input.
        out_dim: Channels of the output.
        patch: Kernel size and step.
        places: Rows, and columns, of the position encoding as it is learned.
    """

    def __init__(self, in_dim: int, out_dim: int, patch: int, places: int) -> None:
        super().__init__(in_dim, out_dim, kernel_sizes=(patch,), stride=patch, norm='after')
        self.position = nn.Parameter(torch.empty(1, out_dim, places, places))
        nn.init.trunc_normal_(self.position, std=0.02)

    def forward(self, x: Tensor) -> Tensor:
        """Embeds a map [B, H, W, in_dim] as `CrossScaleEmbed` does."""
        x = super().forward(x)
        position = F.interpolate(self.position, size=x.shape[1:3], mode='bicubic', align_corners=False)
        return x + position.permute(0, 2, 3, 1)


class PatchMerging(nn.Module):
    """Concatenates the channels of the four tokens of each 2 x 2 square, LayerNorm, Linear to half as many channels.

    Swin Transformer's and CAT's step between stages.

    Args:
        dim: Channels C of the input.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(4 * dim)
        self.reduction = nn.Linear(4 * dim, 2 * dim, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Maps [B, H, W, C] to [B, ceil(H / 2), ceil(W / 2), 2C]; odd sides are padded with zeros."""
        x = pad_map(x, 2)
        squares = [x[:, row::2, col::2] for col in (0, 1) for row in (0, 1)]
        return self.reduction(self.norm(torch.cat(squares, dim=-1)))


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
        """Returns the bias of every offset in a group, [num_heads, P]; `size` is always (places, places)."""
        return self.table.t().contiguous()
