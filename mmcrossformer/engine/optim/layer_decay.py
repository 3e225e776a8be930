"""Layer-wise learning rate decay, for fine-tuning."""

from typing import Any

from mmengine.optim import DefaultOptimWrapperConstructor
from torch import nn

from mmcrossformer.registry import OPTIM_WRAPPER_CONSTRUCTORS


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class LayerDecayOptimWrapperConstructor(DefaultOptimWrapperConstructor):
    """Layer-wise learning rate decay for detectors, segmenters and classifiers alike.

    The last blocks of the backbone, the neck and the heads have the full learning rate; each earlier block has
    `layer_decay_rate` times the rate of the next. Norms, biases and the position bias (DPB) get no weight decay.

    Works with every backbone that has mmpretrain's `get_layer_depth`.

    Args:
        optim_wrapper_cfg: The `optim_wrapper` of a config, without constructor and `paramwise_cfg`.
        paramwise_cfg: `layer_decay_rate`, in (0, 1], and `custom_keys`: for parameters whose name has the key as a
            part, factors `lr_mult` and `decay_mult`, as in mmengine; the longest key counts.

    Raises:
        ValueError: Unknown keys, or a rate outside of (0, 1].
        TypeError: The backbone of the model has no `get_layer_depth`.

    Examples:
        >>> optim_wrapper = dict(
        ...     optimizer=dict(type='AdamW', lr=1e-4, weight_decay=0.05),
        ...     constructor='mmcrossformer.LayerDecayOptimWrapperConstructor',
        ...     paramwise_cfg=dict(layer_decay_rate=0.8),
        ... )
    """

    def __init__(self, optim_wrapper_cfg: dict, paramwise_cfg: dict | None = None) -> None:
        super().__init__(optim_wrapper_cfg, dict(paramwise_cfg or {}))
        self.paramwise_cfg.pop('_delete_', None)  # mmengine keeps the key if there was nothing to delete
        allowed = ('layer_decay_rate', 'custom_keys')
        unknown = [key for key in self.paramwise_cfg if key not in allowed]
        if unknown:
            raise ValueError(
                f'paramwise_cfg of {type(self).__name__} takes {" and ".join(allowed)}, got {", ".join(unknown)}. '
                'In a config that inherits another paramwise_cfg, replace it with _delete_=True'
            )
        # Never empty: without settings mmengine does not call add_params.
        self.rate = self.paramwise_cfg.setdefault('layer_decay_rate', 1.0)
        if not 0 < self.rate <= 1:
            raise ValueError(f'layer_decay_rate must be above 0 and at most 1, got {self.rate!r}')

    def add_params(self, params: list[dict], module: nn.Module, **_: Any) -> None:
        """Adds a group for each learning rate and weight decay that occurs.

        Args:
            params: List of groups to extend.
            module: The whole model.
        """
        backbone = getattr(module, 'backbone', None)
        depth_of = getattr(backbone, 'get_layer_depth', None)
        if depth_of is None:
            raise TypeError(
                f'{type(self).__name__} needs a model whose backbone has get_layer_depth, '
                f'which {type(backbone).__name__} has not'
            )
        custom_keys = self.paramwise_cfg.get('custom_keys', {})
        groups: dict[tuple[float, float], dict] = {}
        for name, parameter in module.named_parameters():
            if not parameter.requires_grad:
                continue
            layer, num_layers = depth_of(name, prefix='backbone.')
            lr_mult = self.rate ** (num_layers - 1 - layer)
            decay_mult = 0.0 if parameter.dim() <= 1 or '.pos_bias.' in name else 1.0
            key = max((key for key in custom_keys if key in name), key=len, default=None)
            if key is not None:
                lr_mult *= custom_keys[key].get('lr_mult', 1.0)
                decay_mult = custom_keys[key].get('decay_mult', decay_mult)
            if (lr_mult, decay_mult) not in groups:
                group: dict[str, Any] = dict(params=[])
                if self.base_lr is not None:
                    group['lr'] = self.base_lr * lr_mult
                if self.base_wd is not None:
                    group['weight_decay'] = self.base_wd * decay_mult
                groups[lr_mult, decay_mult] = group
            groups[lr_mult, decay_mult]['params'].append(parameter)
        params.extend(groups.values())
