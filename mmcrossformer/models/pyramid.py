"""What the backbones share: four stages at strides 4, 8, 16 and 32 that take images of any size."""

import itertools
from collections.abc import Sequence
from typing import cast

import torch
from mmengine.logging import print_log
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint
from typing_extensions import Self

from mmcrossformer.checkpoint import pretrained_path, pretrained_weights
from mmcrossformer.models.arch import Arch
from mmcrossformer.models.checks import check_flags, check_frozen_stages, check_in_channels, check_out_indices
from mmcrossformer.models.depth import layer_depth
from mmcrossformer.models.layers import CrossScaleEmbed, PatchMerging
from mmcrossformer.models.layers.block import AttentionBlock


class Stage(nn.Module):
    """An embedding and the blocks after it.

    Args:
        embed: The stem or the layer that halves the map.
        blocks: Blocks.
        with_cp: Recompute each block in the backward pass instead of keeping its activations.
    """

    def __init__(self, embed: CrossScaleEmbed | PatchMerging, blocks: Sequence[AttentionBlock], with_cp: bool) -> None:
        super().__init__()
        self.embed = embed
        self.blocks = nn.ModuleList(blocks)
        self.with_cp = with_cp

    def forward(self, x: Tensor) -> Tensor:
        """Maps [B, H, W, C] to [B, ceil(H / s), ceil(W / s), C'], s the stride of the embedding."""
        x = self.embed(x)
        recompute = self.with_cp and torch.is_grad_enabled()
        for block in self.blocks:
            x = checkpoint(block, x, use_reentrant=False) if recompute else block(x)
        return x


class Pyramid(BaseModule):
    """A backbone of four stages at strides 4, 8, 16 and 32; subclasses make the layers.

    Its arguments are `arch`, the variant, and those of `CrossFormer` that have the same names.
    """

    def __init__(
        self,
        arch: Arch,
        *,
        in_channels: int,
        out_indices: Sequence[int],
        out_norm: bool,
        frozen_stages: int,
        with_cp: bool,
        init_cfg: dict | list[dict] | None,
    ) -> None:
        super().__init__(init_cfg)
        check_flags(out_norm=out_norm, with_cp=with_cp)
        self.arch = arch
        self.in_channels = check_in_channels(in_channels)
        self.out_indices = check_out_indices(out_indices)
        num_stages = self.out_indices[-1] + 1
        self.frozen_stages = check_frozen_stages(frozen_stages, num_stages)
        self.out_channels = tuple(arch.out_channels[i] for i in self.out_indices)
        self.out_strides = tuple(4 * 2**i for i in self.out_indices)
        self.stages = nn.ModuleList(Stage(self.make_embed(i), self.make_blocks(i), with_cp) for i in range(num_stages))
        self.out_norm = out_norm
        for i in self.out_indices if out_norm else ():
            self.add_module(f'norm{i}', nn.LayerNorm(arch.out_channels[i]))
        self.apply(_init_weights)
        self._freeze()

    def make_embed(self, stage: int) -> CrossScaleEmbed | PatchMerging:
        """Returns the stem (stage 0) or the layer that halves the map before a stage."""
        raise NotImplementedError

    def make_blocks(self, stage: int) -> Sequence[AttentionBlock]:
        """Returns the blocks of a stage."""
        raise NotImplementedError

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Computes the feature pyramid.

        Args:
            x: Images [B, in_channels, H, W], H and W at least 1; B may be 0. NaN in an image affects
                its own maps alone.

        Returns:
            For each stage of `out_indices` a map `[B, C_i, ceil(H / 2**(i+2)), ceil(W / 2**(i+2))]`.

        Raises:
            ValueError: A tensor of another shape.
            TypeError: A tensor of integers, or without autocast one of another dtype than the weights.
        """
        name = type(self).__name__
        if x.dim() != 4 or x.shape[1] != self.in_channels or 0 in x.shape[2:]:
            raise ValueError(
                f'{name} takes images of shape [B, {self.in_channels}, H, W] with H, W >= 1, got {list(x.shape)}'
            )
        stem = cast(CrossScaleEmbed, cast(Stage, self.stages[0]).embed)
        own = cast(nn.Conv2d, stem.convs[0]).weight.dtype
        if not x.is_floating_point() or (x.dtype != own and not torch.is_autocast_enabled(x.device.type)):
            raise TypeError(f'{name} has weights of {own} and takes images of the same, normalised, got {x.dtype}')
        x = x.permute(0, 2, 3, 1)
        outputs = []
        for i, stage in enumerate(self.stages):
            x = stage(x)
            if i in self.out_indices:
                out = getattr(self, f'norm{i}')(x) if self.out_norm else x
                outputs.append(out.permute(0, 3, 1, 2))
        return tuple(outputs)

    def init_weights(self) -> None:
        """Initializes as `init_cfg` says; a `Pretrained` checkpoint must fit, or it is an error.

        Reads files of this project and official ones as published. Weights of stages that are not built, of output
        norms that are not asked for and of heads are left out.

        Raises:
            ValueError: The file cannot be read, or lacks a parameter of the stages, or has one in another shape.
        """
        path = pretrained_path(self.init_cfg)
        if path is None:
            super().init_weights()
            return
        # mmengine's own loader skips what does not fit, and runs code in the file.
        weights, report = pretrained_weights(path, self.state_dict(), self.in_channels)
        self.load_state_dict(weights, strict=False)
        print_log(f'{type(self).__name__}: {report}', logger='current')
        self._is_init = True

    def get_layer_depth(self, param_name: str, prefix: str = '') -> tuple[int, int]:
        """Returns the layer of a parameter and the number of layers, for layer-wise learning rates.

        The stem is layer 0, the blocks count from 1, and what is not of the backbone is in the last layer.

        Args:
            param_name: Name of the parameter in the model.
            prefix: What names of the backbone's parameters start with there, such as 'backbone.'.
        """
        name = param_name.removeprefix(prefix) if param_name.startswith(prefix) else ''
        return layer_depth(name, [len(cast(Stage, stage).blocks) for stage in self.stages])

    def train(self, mode: bool = True) -> Self:
        """Sets the mode; frozen stages stay in evaluation mode."""
        super().train(mode)
        self._freeze()
        return self

    def _freeze(self) -> None:
        frozen: list[nn.Module] = list(itertools.islice(self.stages, self.frozen_stages + 1))
        frozen += [getattr(self, f'norm{i}') for i in self.out_indices if self.out_norm and i <= self.frozen_stages]
        for module in frozen:
            module.eval().requires_grad_(False)


def _init_weights(module: nn.Module) -> None:
    """Initializes as published; convolutions and LayerNorms keep torch's default."""
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
