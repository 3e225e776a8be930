"""Training with weights, gradients and optimizer states split over the processes."""

from functools import partial
from typing import Any

import torch
from mmengine._strategy import FSDPStrategy as MMEngineFSDPStrategy
from mmengine.dist import is_main_process
from mmengine.optim import AmpOptimWrapper, BaseOptimWrapper
from torch import Tensor, nn
from torch.distributed.fsdp import FullyShardedDataParallel
from torch.distributed.fsdp.wrap import transformer_auto_wrap_policy

from mmcrossformer.engine.processes import plain_name
from mmcrossformer.models.layers.block import AttentionBlock
from mmcrossformer.registry import FUNCTIONS, STRATEGIES
from mmcrossformer.utils.files import atomic_write

_SCALED = ('AmpOptimWrapper', AmpOptimWrapper)


@FUNCTIONS.register_module()
def wrap_crossformer_blocks(module: nn.Module, recurse: bool, nonwrapped_numel: int) -> bool:
    """Wrap policy of FSDP: each block of our backbones is a unit, the rest of the model is another.

    Args:
        module: The module in question.
        recurse: Whether FSDP asks to recurse into the module, not to wrap it.
        nonwrapped_numel: Number of its parameters that are not wrapped yet.

    Returns:
        Whether to recurse or to wrap.
    """
    return transformer_auto_wrap_policy(module, recurse, nonwrapped_numel, transformer_layer_cls={AttentionBlock})


@STRATEGIES.register_module()
class FSDPStrategy(MMEngineFSDPStrategy):
    """mmengine's strategy for torch's `FullyShardedDataParallel`, with blocks of CrossFormers as units.

    Differences from that class: gradients are clipped by the norm over all processes, not by that of each shard;
    parameter names are those of the model, so that rates and weight decay by name or layer apply; optimizer states load
    with current torch; processes may be on CPUs; and checkpoints are written atomically. A checkpoint is one file with
    the names and shapes of single-process training, and loads there.

    Args:
        model_wrapper: Arguments of mmengine's `MMFullyShardedDataParallel`, such as `sharding_strategy='SHARD_GRAD_OP'`
            or `mixed_precision=dict(param_dtype='bfloat16')`. `auto_wrap_policy` is `wrap_crossformer_blocks` by
            default.
        **kwargs: Further arguments of the base class.

    Raises:
        ValueError: `state_dict_cfg` is not 'full'.
    """

    def __init__(self, *, model_wrapper: dict | None = None, **kwargs: Any) -> None:
        if kwargs.pop('state_dict_cfg', 'full') != 'full':
            raise ValueError("state_dict_cfg must be 'full': sharded checkpoints cannot be read by other tools")
        defaults: dict[str, Any] = dict(auto_wrap_policy=wrap_crossformer_blocks)
        if not torch.cuda.is_available():
            defaults['device_id'] = torch.device('cpu')
        super().__init__(model_wrapper=defaults | (model_wrapper or {}), state_dict_cfg='full', **kwargs)

    def prepare(self, model: nn.Module | dict, *, optim_wrapper: dict | None = None, **kwargs: Any) -> tuple:
        """Builds and wraps the model, the optimizer wrapper and the schedulers.

        Args:
            model: The model, or its config.
            optim_wrapper: Config of the optimizer wrapper; None without training.
            **kwargs: See the base class.

        Returns:
            The built objects.
        """
        if not self._prepared:
            if isinstance(optim_wrapper, dict) and optim_wrapper.get('type') in _SCALED:
                # Without this each process scales its own gradients, and some skip updates that others do.
                optim_wrapper = optim_wrapper | dict(use_fsdp=True)
            self._optim_cfg = optim_wrapper
        return super().prepare(model, optim_wrapper=optim_wrapper, **kwargs)

    def build_optim_wrapper(self, optim_wrapper: dict, model: nn.Module | None = None) -> BaseOptimWrapper:
        """Returns the optimizer wrapper, which was built before the model was split."""
        return self._optim_wrapper

    def save_checkpoint(self, filename: str, **kwargs: Any) -> None:
        """Gathers the state of all processes; the first one writes it. See the base class."""
        if is_main_process():
            with atomic_write(filename) as partial:
                super().save_checkpoint(partial, **kwargs)
        else:
            super().save_checkpoint(filename, **kwargs)

    def load_optim_state_dict(self, state_dict: dict) -> None:
        """Loads the shard of this process from the full state of the optimizer.

        Args:
            state_dict: The full state, as `save_checkpoint` writes it; the same in each process.
        """
        optimizer = self.optim_wrapper.optimizer
        part = FullyShardedDataParallel.optim_state_dict_to_load(self.model, optimizer, state_dict)
        self.optim_wrapper.load_state_dict(part)

    def _wrap_model(self, model: nn.Module) -> nn.Module:
        # Rates and weight decay depend on names, shapes and modules of parameters, which wrapping changes.
        wrapper = super().build_optim_wrapper(self._optim_cfg, model) if self._optim_cfg is not None else None
        names = {parameter: name for name, parameter in model.named_parameters()}
        split: FullyShardedDataParallel = super()._wrap_model(model)
        if wrapper is not None:
            parts = {plain_name(name): part for name, part in split.named_parameters()}
            if wrapper.optimizer.state:
                raise TypeError(f'{type(wrapper.optimizer).__name__} cannot be split: it has a state before it starts')
            for group in wrapper.optimizer.param_groups:
                group['params'] = [parts[names[parameter]] for parameter in group['params']]
            if getattr(wrapper, 'clip_func', None) is nn.utils.clip_grad_norm_:
                wrapper.clip_func = partial(_clip_norm, split)
        self._optim_wrapper = wrapper
        return split


def _clip_norm(model: FullyShardedDataParallel, gradients_of: Any, **kwargs: Any) -> Tensor:
    """Clips by the norm of the gradients of all processes; mmengine passes only those of this process."""
    return model.clip_grad_norm_(**kwargs)
