"""``mmcv._ext`` served by torchvision, where mmcv has no compiled operators.

pip builds mmcv without torch and then leaves ``mmcv._ext`` out: importing any detector fails. ``install``
appends an import finder that serves the module: NMS, soft NMS, RoIAlign, sigmoid focal loss and multi-scale
deformable attention run on torchvision or plain torch, the other operators raise an error that says how to compile
them. A compiled ``_ext`` is found first and is used.

``import torch`` calls ``install`` (entry point group ``torch.backends``), so this file imports the standard library
only; torch and torchvision follow when mmcv asks for ``_ext``. torch before 2.5 knows no such call, and the environment
variable ``TORCH_DEVICE_BACKEND_AUTOLOAD=0`` turns it off; ``import mmcrossformer`` then installs the finder.
Operators have the signatures of the compiled ones and write into the same arguments.
"""

from __future__ import annotations

import importlib.util
import struct
import sys
from collections.abc import Callable
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from operator import itemgetter
from types import ModuleType
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    import torch
    import torchvision
    from torch import Tensor

EXT_NAME = 'mmcv._ext'
SERVED_BY = 'torchvision'
# Prefixes; the operators end in forward and backward.
SERVED = ('nms', 'softnms', 'roi_align_', 'sigmoid_focal_loss_', 'ms_deform_attn_')
# mmcv's setup.py asks for C++17; current torch needs C++20.
REMEDY = """To compile them (needs torch, a C++ compiler and, for GPUs, nvcc; takes long):
pip install 'setuptools>=80' wheel packaging ninja
pip download --no-deps --no-binary :all: --no-build-isolation onedl-mmcv
tar xf onedl_mmcv-*.tar.gz && sed -i.bak s/c++17/c++20/ onedl_mmcv-*/setup.py
pip install --no-deps --no-build-isolation --force-reinstall ./onedl_mmcv-*/
Where the original mmdet and mmseg are installed, which refuse this one, it is mmcv 2.1.0, in place of mmcv-lite."""


def install() -> None:
    """Append the finder to ``sys.meta_path``, unless it is in there already."""
    if not is_installed():
        sys.meta_path.append(_ExtFinder())


def is_installed() -> bool:
    """Return whether the finder is in ``sys.meta_path``."""
    return any(isinstance(finder, _ExtFinder) for finder in sys.meta_path)


def is_served() -> bool:
    """Return whether the loaded ``mmcv._ext`` is this one; False if none is loaded."""
    return getattr(sys.modules.get(EXT_NAME), 'SERVED_BY', None) == SERVED_BY


class _ExtFinder(MetaPathFinder, Loader):
    """Finds and loads ``mmcv._ext`` and nothing else."""

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """Return a spec for ``mmcv._ext``, None for other names and without torchvision."""
        served = fullname == EXT_NAME and importlib.util.find_spec('torchvision') is not None
        return ModuleSpec(fullname, self, origin=__file__) if served else None

    def exec_module(self, module: ModuleType) -> None:
        """Fill the module; torch and torchvision are imported here, not at import of this file."""
        global torch, torchvision
        import torch
        import torchvision  # registers torch.ops.torchvision

        vars(module).update(
            {name: value for name, value in globals().items() if name.startswith(SERVED)},
            SERVED_BY=SERVED_BY,
            get_compiler_version=lambda: f'n/a, served by torchvision {torchvision.__version__}',
            get_compiling_cuda_version=lambda: 'not available',  # as in a compiled CPU build
            __getattr__=_unsupported,
        )


_SOFT_NMS = itemgetter('iou_threshold', 'sigma', 'min_score', 'method', 'offset')
_GRID = itemgetter('spatial_scale', 'aligned_height', 'aligned_width')
_SAMPLING = itemgetter('sampling_ratio', 'aligned')


def _unsupported(name: str) -> Callable[..., NoReturn]:
    """Return an operator that raises when called: mmcv looks all of them up at import."""
    if name.startswith('__'):  # probes of the import system, copy, inspect, ...
        raise AttributeError(f'module {EXT_NAME!r} has no attribute {name!r}')

    def operator(*args: Any, **kwargs: Any) -> NoReturn:
        raise NotImplementedError(
            f'mmcv operator {name!r}: this mmcv has no compiled operators, and torchvision, which '
            f'replaces some of them, does not replace this one. {REMEDY}'
        )

    return operator


def _to_float(tensor: Tensor) -> Tensor:
    """Return the tensor in float32 or, if it is float64, as it is: torchvision has no half precision on CPU."""
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))


def nms(boxes: Tensor, scores: Tensor, iou_threshold: float, offset: int) -> Tensor:
    """Return the kept indices [K] of boxes [N, 4], scores [N]; sides count x2 - x1 + offset."""
    boxes = _to_float(boxes)
    if offset:
        boxes = boxes + boxes.new_tensor([0, 0, offset, offset])
    # torchvision compares with a double, mmcv with a float: at 0.3 an IoU of 3/10 must not count.
    (threshold,) = struct.unpack('f', struct.pack('f', iou_threshold))
    kept: Tensor = torch.ops.torchvision.nms(boxes, scores.to(boxes.dtype), threshold)
    return kept


def softnms(boxes: Tensor, scores: Tensor, dets: Tensor, **options: Any) -> Tensor:
    """Soft NMS of boxes [N, 4], scores [N]; method 0 naive, 1 linear, 2 gaussian.

    Returns the indices [K] in the order of selection and writes box and new score into the first
    rows of dets [N, 5]. The first box is kept whatever its score.
    """
    iou_threshold, sigma, min_score, method, offset = _SOFT_NMS(options)
    boxes = _to_float(boxes)
    scores, order = scores.to(boxes.dtype, copy=True), torch.arange(len(boxes), device='cpu')
    areas = (boxes[:, 2:] - boxes[:, :2] + offset).prod(1)
    kept: list[int] = []
    while len(order):
        best = int(order[scores[order].argmax()])
        # The compiled loop fills gaps by swapping, here and below; the order decides ties.
        order = torch.where(order == best, order[0], order)[1:]
        dets[len(kept), :4], dets[len(kept), 4] = boxes[best], scores[best]
        kept.append(best)
        top_left = boxes[order, :2].maximum(boxes[best, :2])
        inter = (boxes[order, 2:].minimum(boxes[best, 2:]) - top_left + offset).clamp(0).prod(1)
        iou = inter / (areas[best] + areas[order] - inter)
        weight = torch.where(iou >= iou_threshold, (1 - iou) * method, 1)
        scores[order] *= torch.exp(-(iou * iou) / sigma) if method == 2 else weight
        alive = ~(scores[order] < min_score)
        count = int(alive.sum())
        order[:count][~alive[:count]] = order[count:][alive[count:]].flip(0)
        order = order[:count]
    return torch.tensor(kept, dtype=torch.long, device='cpu')


def roi_align_forward(input: Tensor, rois: Tensor, output: Tensor, *_: Tensor, **bins: Any) -> None:
    """Average input [B, C, H, W] over rois [K, 5] (image, box) into output [K, C, h, w]."""
    if bins['pool_mode'] == 0:
        _unsupported("roi_align_forward (pool_mode='max')")()
    input, align = _to_float(input), torch.ops.torchvision.roi_align
    output.copy_(align(input, rois.to(input.dtype), *_GRID(bins), *_SAMPLING(bins)))


def roi_align_backward(
    grad: Tensor, rois: Tensor, argmax_y: Tensor, argmax_x: Tensor, grad_input: Tensor, **bins: Any
) -> None:
    """Add the gradient of grad [K, C, h, w] to grad_input [B, C, H, W]."""
    grad, shape = _to_float(grad), grad_input.shape
    align = torch.ops.torchvision._roi_align_backward
    grad_input.add_(align(grad, rois.to(grad.dtype), *_GRID(bins), *shape, *_SAMPLING(bins)))


def sigmoid_focal_loss_forward(
    input: Tensor, target: Tensor, weight: Tensor, output: Tensor, *, gamma: float, alpha: float
) -> None:
    """Focal loss of logits [N, C] into output [N, C]; target [N] is a class, or C for background."""
    output.copy_(_focal_loss(input, target, weight, gamma, alpha))


def sigmoid_focal_loss_backward(
    input: Tensor, target: Tensor, weight: Tensor, grad_input: Tensor, *, gamma: float, alpha: float
) -> None:
    """Derivative of each loss by its logit, into grad_input [N, C]; by autograd."""
    with torch.enable_grad():
        logits = input.detach().requires_grad_()
        loss = _focal_loss(logits, target, weight, gamma, alpha)
        grad_input.copy_(torch.autograd.grad(loss.sum(), logits)[0])


def _focal_loss(input: Tensor, target: Tensor, weight: Tensor, gamma: float, alpha: float) -> Tensor:
    if weight.numel():
        _unsupported('sigmoid_focal_loss (class weights)')()
    input = _to_float(input)
    wanted = torch.arange(input.shape[1], device=input.device) == target[:, None]
    return torchvision.ops.sigmoid_focal_loss(input, wanted.to(input.dtype), alpha, gamma)


def ms_deform_attn_forward(value: Tensor, shapes: Tensor, starts: Tensor, *points: Tensor, im2col_step: int) -> Tensor:
    """Sample value [B, N, M, C] at locations [B, Q, M, L, P, 2] with weights [B, Q, M, L, P]: [B, Q, M * C]."""
    from mmcv.ops.multi_scale_deform_attn import multi_scale_deformable_attn_pytorch

    output: Tensor = multi_scale_deformable_attn_pytorch(value, shapes, *points)
    return output


def ms_deform_attn_backward(
    value: Tensor, shapes: Tensor, starts: Tensor, locations: Tensor, weights: Tensor, *grads: Tensor, im2col_step: int
) -> None:
    """Write the gradients of value, locations and weights into the last three of grads; by autograd."""
    with torch.enable_grad():
        value, *points = (tensor.detach().requires_grad_() for tensor in (value, locations, weights))
        output = ms_deform_attn_forward(value, shapes, starts, *points, im2col_step=im2col_step)
        for target, grad in zip(grads[1:], torch.autograd.grad(output, [value, *points], grads[0]), strict=True):
            target.copy_(grad)
