"""Cross-scale embedding: turns images into tokens, and halves maps."""

from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class LargeKernelConv2d(nn.Conv2d):
    """A convolution whose kernel may be a large multiple of its stride, with fast gradients.

    Weights, names and numbers are those of `nn.Conv2d`. In training a kernel of n strides, n at least 4, runs as one of
    n x n on a small map of many channels, into which the pixels of a stride are moved. For kernel 32 of the stem the
    gradient is four times faster. Sides of the input are multiples of the stride; padding is
    (kernel - stride) / 2.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Maps [B, C, H, W] to [B, out_channels, H / stride, W / stride]."""
        (kernel, _), (stride, _) = self.kernel_size, self.stride
        steps, shift = kernel // stride, (kernel - stride) // 2 % stride
        trains = torch.is_grad_enabled() and self.weight.requires_grad
        # torch's pixel_unshuffle leaves an empty batch as it is.
        if steps < 4 or not trains or not len(x):
            return super().forward(x)
        if shift:
            x = F.pad(x, (shift, stride - shift, shift, stride - shift))
        x, weight = F.pixel_unshuffle(x, stride), F.pixel_unshuffle(self.weight, stride)
        x = x.contiguous(memory_format=torch.channels_last)
        return F.conv2d(x, weight, self.bias, padding=(steps - 1) // 2)


class CrossScaleEmbed(nn.Module):
    """CEL: convolutions of several kernel sizes and one stride, side by side in the channels.

    CrossFormer (ICLR 2022), section 3.1. Kernel j gets `out_dim / 2**(j+1)` channels, the last one as many as the one
    before it: large kernels are expensive, so they get few.

    Args:
        in_dim: Channels of the input.
        out_dim: Channels of the output.
        kernel_sizes: Kernel sizes, in input pixels; even, none below the stride.
        stride: Step of all kernels.
        norm: Where the LayerNorm is: 'after' (the stem) or 'before' (between stages).
    """

    def __init__(
        self, in_dim: int, out_dim: int, kernel_sizes: Sequence[int], stride: int, norm: Literal['before', 'after']
    ) -> None:
        super().__init__()
        self.stride = stride
        last = len(kernel_sizes) - 1
        # The gradients of large kernels on images of few channels are slow, those on maps of many channels are not.
        conv = LargeKernelConv2d if norm == 'after' else nn.Conv2d
        self.convs = nn.ModuleList(
            conv(in_dim, out_dim // 2 ** min(j + 1, last), kernel, stride, padding=(kernel - stride) // 2)
            for j, kernel in enumerate(kernel_sizes)
        )
        self.norm = nn.LayerNorm(in_dim if norm == 'before' else out_dim)
        self.norm_first = norm == 'before'

    def forward(self, x: Tensor) -> Tensor:
        """Embeds a map; sides that are no multiple of the stride are padded with zeros on the bottom and the right.

        Args:
            x: Map [B, H, W, in_dim], any H, W >= 1.

        Returns:
            Map [B, ceil(H / stride), ceil(W / stride), out_dim].
        """
        if self.norm_first:
            x = self.norm(x)
        x = x.permute(0, 3, 1, 2)
        pad_h, pad_w = -x.shape[2] % self.stride, -x.shape[3] % self.stride
        # Compiled code always pads, so that it is the same for all sizes.
        if torch.compiler.is_compiling() or pad_h or pad_w:
            x = F.pad(x, (0, pad_w, 0, pad_h))
        trains = torch.is_grad_enabled() and any(weight.requires_grad for weight in self.convs.parameters())
        if torch.compiler.is_compiling() or not trains:
            # Convolutions of few channels are several times faster in this layout, but their gradients are not.
            # Compiled ones need it, and each one would make its own copy of the image.
            x = x.contiguous(memory_format=torch.channels_last)
        x = torch.cat([conv(x) for conv in self.convs], dim=1).permute(0, 2, 3, 1)
        return x if self.norm_first else self.norm(x)
