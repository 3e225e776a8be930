"""Parameters, multiply-adds and activations of a model of any host library, part by part."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from mmengine.config import Config
from mmengine.model import BaseModel, BaseModule
from mmengine.structures import BaseDataElement
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from mmcrossformer.apis.model import build_model
from mmcrossformer.models.pyramid import Pyramid
from mmcrossformer.utils.errors import UserError
from mmcrossformer.utils.old_torch import flop_counter

_DENSE_HEADS = ('decode', 'panoptic', 'bbox')


@dataclass
class Cost:
    """Cost of a part of a model for one image.

    Attributes:
        part: Name of the part.
        params: Number of parameters.
        macs: Multiply-adds of convolutions, linear layers and attention, padding included.
        activations: Number of output values of convolutions and linear layers.
        ran: Whether the part was run: auxiliary heads are not, nor are heads of unknown kinds.
    """

    part: str
    params: int
    macs: int = 0
    activations: int = 0
    ran: bool = True


def analyze(cfg: Config, height: int, width: int) -> list[Cost]:
    """Counts the cost of each part of a config's model for the prediction of one image.

    Two-stage detectors are counted with the largest number of proposals and of masks that `model.test_cfg` allows.
    Parts that are not run are marked: auxiliary heads, which only training uses, and heads of unknown kinds.

    Args:
        cfg: Config of a detector, segmenter or classifier.
        height: Height of the image in pixels.
        width: Width of the image in pixels.

    Returns:
        The costs of the stages of the backbone, the neck and the heads, then the total.

    Raises:
        UserError: The model cannot be built or run, or is of a kind that cannot be counted.
    """
    model = build_model(cfg)
    if not _has_deformable_attention(model):
        model.to('meta')  # tensors with shapes but no values: nothing is computed
    image = torch.zeros(1, _in_channels(model), height, width, device=next(model.parameters()).device)
    total = Cost('total', _count_parameters(model))
    costs = []
    with torch.no_grad(), flop_counter() as counter:
        handles = [
            module.register_forward_hook(_ActivationCounter(total))
            for module in model.modules()
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear)
        ]
        for name, module in _parts(model):
            cost = Cost(name, _count_parameters(module), ran=False)
            costs.append(cost)
            handles += _count_costs(module, cost, counter, total)
        try:
            _predict(model, cfg.default_scope, image)
        except Exception as error:  # any model of any library: it can fail in any way
            raise UserError(
                f'{type(model).__name__} cannot be counted at {height} x {width}: {type(error).__name__}: {error}'
            ) from error
        for handle in handles:
            handle.remove()
    total.macs = counter.get_total_flops() // 2
    rest = [
        getattr(total, key) - sum(getattr(cost, key) for cost in costs) for key in ('params', 'macs', 'activations')
    ]
    return [*costs, Cost('rest', *rest), total] if any(rest) else [*costs, total]


class _ActivationCounter:
    """A forward hook that counts the values of the output."""

    def __init__(self, total: Cost) -> None:
        self.total = total

    def __call__(self, module: nn.Module, inputs: Any, output: Tensor) -> None:
        self.total.activations += output.numel()


def _count_costs(module: nn.Module, cost: Cost, counter: FlopCounterMode, total: Cost) -> list[Any]:
    """Adds what runs between start and end of a module's forward to its cost."""

    def start(*_: Any) -> None:
        cost.macs -= counter.get_total_flops() // 2
        cost.activations -= total.activations

    def end(*_: Any) -> None:
        cost.macs += counter.get_total_flops() // 2
        cost.activations += total.activations
        cost.ran = True

    return [module.register_forward_pre_hook(start), module.register_forward_hook(end)]


def _parts(model: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Yields stages, neck and heads, or the parts of a wrapped model."""
    for name, module in _wrapped_model(model).named_children():
        if name == 'roi_head':
            inner = [(f'{name}.{key}', child) for key, child in module.named_children() if key.endswith('_head')]
        elif isinstance(module, Pyramid):
            inner = [(f'{name}.stages.{i}', stage) for i, stage in enumerate(module.stages)]
        else:
            inner = [(name, module)]
        for key, part in inner:
            if isinstance(part, nn.ModuleList):
                yield from ((f'{key}.{i}', child) for i, child in enumerate(part))
            elif _count_parameters(part):
                yield key, part


def _predict(model: BaseModel, host: str, image: Tensor) -> None:
    """Runs a prediction without its post-processing, which has no multiply-adds.

    Heads are called one by one where possible: some models call the `forward` of heads directly, which skips hooks.
    """
    shape = tuple(image.shape[2:])
    samples = [BaseDataElement(metainfo=dict(img_shape=shape, batch_input_shape=shape, pad_shape=shape))]
    if host == 'mmpretrain':
        model(image, mode='tensor')
    elif hasattr(model, 'encoder'):  # a detection transformer, whose heads cannot run alone
        model(image, samples, mode='tensor')
    elif hasattr(model, 'roi_head'):
        features = model.extract_feat(image)
        model.rpn_head(features)
        roi_head, limits = model.roi_head, model.test_cfg
        _run_on_boxes(roi_head.bbox_head, roi_head.bbox_roi_extractor, limits.rpn.max_per_img, features)
        if roi_head.with_mask:
            _run_on_boxes(roi_head.mask_head, roi_head.mask_roi_extractor, limits.rcnn.max_per_img, features)
    else:
        head = next(getattr(model, f'{kind}_head') for kind in _DENSE_HEADS if hasattr(model, f'{kind}_head'))
        features = model.extract_feat(image)
        head(features, samples) if hasattr(head, 'pixel_decoder') else head(features)


def _run_on_boxes(heads: BaseModule, extractors: BaseModule, count: int, features: tuple[Tensor, ...]) -> None:
    """Runs one head, or the head of each stage of a cascade, on the features of `count` boxes."""
    if not isinstance(heads, nn.ModuleList):
        heads, extractors = [heads], [extractors]
    for head, extractor in zip(heads, extractors, strict=True):
        height, width = extractor.roi_layers[0].output_size
        head(features[0].new_zeros(count, extractor.out_channels, height, width))


def _count_parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def _wrapped_model(model: nn.Module) -> nn.Module:
    """Returns the module with the layers: mmpretrain wraps whole classifiers of other libraries as `model`."""
    return model if hasattr(model, 'backbone') else getattr(model, 'model', model)


def _in_channels(model: BaseModel) -> int:
    """Returns the number of channels of images: the input channels of the first convolution."""
    stem = getattr(model, 'backbone', _wrapped_model(model))
    return next(module.in_channels for module in stem.modules() if isinstance(module, nn.Conv2d))


def _has_deformable_attention(model: nn.Module) -> bool:
    """Whether a model reads shapes of feature maps from tensors, which must then have values."""
    return any(type(module).__name__ == 'MultiScaleDeformableAttention' for module in model.modules())
