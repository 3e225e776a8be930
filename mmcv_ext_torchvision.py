"""``mmcv._ext`` served by torchvision, where mmcv has no compiled operators.

pip builds mmcv without torch at hand and then leaves ``mmcv._ext`` out: every detector fails at
import. ``install`` puts a finder behind all others that serves the module: NMS, soft NMS, RoIAlign
and RoIPool run on torchvision or plain torch, the other operators raise an error that says how to
compile them. A compiled ``_ext`` is found first and wins.

``import torch`` calls ``install`` (entry point group ``torch.backends``), so this file imports the
standard library only; torch and torchvision follow when mmcv asks for ``_ext``. The environment
variable ``TORCH_DEVICE_BACKEND_AUTOLOAD=0`` turns that call off, ``import mmcrossformer`` then
installs. Operators take the arguments of the compiled ones and write into them as those do.
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
    from torch import Tensor

EXT_NAME = 'mmcv._ext'
SERVED_BY = 'torchvision'
SERVED = ('nms', 'softnms', 'roi_align_', 'roi_pool_')  # with what follows: forward, backward
# mmcv's setup.py asks for C++17, which torch no longer compiles as.
REMEDY = """To compile them (needs torch, a C++ compiler and, for GPUs, nvcc; takes long):
pip install 'setuptools>=80' wheel packaging ninja
pip download --no-deps --no-binary :all: --no-build-isolation onedl-mmcv
tar xf onedl_mmcv-*.tar.gz && sed -i.bak s/c++17/c++20/ onedl_mmcv-*/setup.py
pip install --no-deps --no-build-isolation --force-reinstall ./onedl_mmcv-*/"""


def install() -> None:
    """Append the finder to ``sys.meta_path``, unless it is there already."""
    if not any(isinstance(finder, _ExtFinder) for finder in sys.meta_path):
        sys.meta_path.append(_ExtFinder())


def is_served() -> bool:
    """Return whether the loaded ``mmcv._ext`` is this one; False while none is loaded."""
    return getattr(sys.modules.get(EXT_NAME), 'SERVED_BY', None) == SERVED_BY


class _ExtFinder(MetaPathFinder, Loader):
    """Finds and loads ``mmcv._ext`` and nothing else."""

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """Return a spec for ``mmcv._ext``, None for other names and without torchvision."""
        served = fullname == EXT_NAME and importlib.util.find_spec('torchvision') is not None
        return ModuleSpec(fullname, self, origin=__file__) if served else None

    def exec_module(self, module: ModuleType) -> None:
        """Fill the module and import what its operators use, not before they are asked for."""
        global torch
        import torch
        import torchvision  # registers torch.ops.torchvision

        vars(module).update(
            {name: value for name, value in globals().items() if name.startswith(SERVED)},
            SERVED_BY=SERVED_BY,
            get_compiler_version=lambda: f'n/a, served by torchvision {torchvision.__version__}',
            get_compiling_cuda_version=lambda: 'not available',  # as in a compiled CPU build
            __getattr__=_unserved,
        )


_SOFT_NMS = itemgetter('iou_threshold', 'sigma', 'min_score', 'method', 'offset')
_GRID = itemgetter('spatial_scale', 'aligned_height', 'aligned_width')
_SAMPLING = itemgetter('sampling_ratio', 'aligned')


def _unserved(name: str) -> Callable[..., NoReturn]:
    """Return a stand-in for an operator that raises, as mmcv wants them all at import."""
    if name.startswith('__'):  # probes of the import system, copy, inspect, ...
        raise AttributeError(f'module {EXT_NAME!r} has no attribute {name!r}')

    def operator(*args: Any, **kwargs: Any) -> NoReturn:
        raise NotImplementedError(
            f'mmcv operator {name!r}: this mmcv has no compiled operators, and torchvision, which '
            f'serves some of them instead, does not serve this one. {REMEDY}'
        )

    return operator


def _full(tensor: Tensor) -> Tensor:
    """Return the tensor in float32, or in float64 if it is: torchvision lacks half types on CPU."""
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))


def nms(boxes: Tensor, scores: Tensor, iou_threshold: float, offset: int) -> Tensor:
    """Return the kept indices [K] of boxes [N, 4], scores [N]; sides count x2 - x1 + offset."""
    boxes = _full(boxes)
    if offset:
        boxes = boxes + boxes.new_tensor([0, 0, offset, offset])
    # torchvision compares with a double, mmcv with a float: at 0.3 an IoU of 3/10 must not count.
    (threshold,) = struct.unpack('f', struct.pack('f', iou_threshold))
    kept: Tensor = torch.ops.torchvision.nms(boxes, scores.to(boxes.dtype), threshold)
    return kept


def softnms(boxes: Tensor, scores: Tensor, dets: Tensor, **options: Any) -> Tensor:
    """Soft NMS of boxes [N, 4], scores [N]; method 0 naive, 1 linear, 2 gaussian.

    Returns the indices [K] in the order of selection and writes box and new score into the first
    rows of dets [N, 5]. The first box stays whatever its score.
    """
    iou_threshold, sigma, min_score, method, offset = _SOFT_NMS(options)
    boxes = _full(boxes)
    scores, order = scores.to(boxes.dtype, copy=True), torch.arange(len(boxes), device='cpu')
    areas = (boxes[:, 2:] - boxes[:, :2] + offset).prod(1)
    kept: list[int] = []
    while len(order):
        best = int(order[scores[order].argmax()])
        # The compiled loop fills gaps by swapping, here and below; this decides between ties.
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
        _unserved("roi_align_forward (pool_mode='max')")()
    input, align = _full(input), torch.ops.torchvision.roi_align
    output.copy_(align(input, rois.to(input.dtype), *_GRID(bins), *_SAMPLING(bins)))


def roi_align_backward(
    grad: Tensor, rois: Tensor, argmax_y: Tensor, argmax_x: Tensor, grad_input: Tensor, **bins: Any
) -> None:
    """Add the gradient of grad [K, C, h, w] to grad_input [B, C, H, W]."""
    grad, shape = _full(grad), grad_input.shape
    align = torch.ops.torchvision._roi_align_backward
    grad_input.add_(align(grad, rois.to(grad.dtype), *_GRID(bins), *shape, *_SAMPLING(bins)))


def roi_pool_forward(
    input: Tensor, rois: Tensor, output: Tensor, argmax: Tensor, *, spatial_scale: float, **_: int
) -> None:
    """Maxima of input [B, C, H, W] over the bins of rois [K, 5], into output [K, C, h, w].

    Their positions in the map go into argmax [K, C, h, w], -1 for an empty bin. Differs from
    torchvision's operator, which rounds the box to whole cells before it cuts bins.
    """
    start = _full(rois)[:, 1:3] * spatial_scale
    extent = (_full(rois)[:, 3:] + 1) * spatial_scale - start
    spans = []  # for x, then y: [K][bins][first, last + 1]
    for axis, bins in enumerate((output.shape[3], output.shape[2])):
        steps = torch.arange(bins + 1, device=rois.device)
        edges = steps * (extent[:, axis, None] / bins) + start[:, axis, None]
        span = torch.stack((edges[:, :-1].floor(), edges[:, 1:].ceil()), -1)
        span = span * (extent > 0).all(1)[:, None, None]  # malformed boxes: empty bins only
        spans.append(span.clamp(0, input.shape[3 - axis]).long().tolist())
    argmax.fill_(-1)
    for k, image in enumerate(rois[:, 0].long().tolist()):
        for p, (top, bottom) in enumerate(spans[1][k]):
            for q, (left, right) in enumerate(spans[0][k]):
                window, width = input[image, :, top:bottom, left:right], right - left
                if window.numel():
                    output[k, :, p, q], at = window.flatten(1).max(1)
                    argmax[k, :, p, q] = (top + at // width) * input.shape[3] + left + at % width


def roi_pool_backward(grad: Tensor, rois: Tensor, argmax: Tensor, into: Tensor, **_: Any) -> None:
    """Add grad [K, C, h, w] to the input's gradient ``into`` [B, C, H, W] where argmax points."""
    channels, area = into.shape[1], into[0, 0].numel()
    planes = rois[:, :1].long() * channels + torch.arange(channels, device=rois.device)
    index, hit = planes[:, :, None, None] * area + argmax, argmax >= 0
    into.view(-1).index_add_(0, index[hit], grad[hit])
