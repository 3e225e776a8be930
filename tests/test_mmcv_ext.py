"""The operators of `mmcv._ext` against slow loops, and who serves the module when.

The loops must hold for compiled operators too: calls go through `mmcv.ops`, whatever it loaded.
Tests that take the fixture `served` look at the stand-in, also where a compiled `_ext` wins.
"""

from __future__ import annotations

import importlib
import importlib.util
import math
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import mmcv_ext_torchvision as stand_in

pytestmark = pytest.mark.hosts
stand_in.install()
ops = importlib.import_module('mmcv.ops')

ROOT = Path(stand_in.__file__).parent
Serve = Callable[[str], None]
METHODS = ('naive', 'linear', 'gaussian')


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def served() -> ModuleType:
    """A fresh stand-in, beside the `mmcv._ext` in use."""
    spec = stand_in._ExtFinder().find_spec('mmcv._ext')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def serve(served: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Serve:
    """A function that makes one module of mmcv.ops call the stand-in."""

    def patch(name: str) -> None:
        monkeypatch.setattr(importlib.import_module(f'mmcv.ops.{name}'), 'ext_module', served)

    return patch


def random(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed)).to(dtype)


def random_boxes(count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Boxes [N, 4] that overlap a lot, and distinct scores [N], in float32."""
    corner, size = random(count, 2, seed=seed) * 40, 4 + random(count, 2, seed=seed + 1) * 30
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
    return torch.cat([corner, corner + size], 1).float(), (order + 1.0) / (count + 1)


def overlap(one: np.ndarray, two: np.ndarray, offset: int) -> np.float32:
    """Intersection over union of two float32 boxes, in the arithmetic of the operators."""
    zero, offset = np.float32(0), np.float32(offset)
    width = max(zero, min(one[2], two[2]) - max(one[0], two[0]) + offset)
    height = max(zero, min(one[3], two[3]) - max(one[1], two[1]) + offset)
    areas = [(box[2] - box[0] + offset) * (box[3] - box[1] + offset) for box in (one, two)]
    return width * height / (areas[0] + areas[1] - width * height)


# ---------------------------------------------------------------------------------------- NMS


def nms_loop(boxes: np.ndarray, scores: np.ndarray, threshold: float, offset: int) -> list[int]:
    kept: list[int] = []
    for index in sorted(range(len(boxes)), key=lambda i: -scores[i]):
        if all(overlap(boxes[k], boxes[index], offset) <= np.float32(threshold) for k in kept):
            kept.append(index)
    return kept


@pytest.mark.parametrize('offset', [0, 1])
@pytest.mark.parametrize('threshold', [0.05, 0.3, 0.5, 0.75])
def test_nms_equals_the_greedy_loop(threshold: float, offset: int) -> None:
    boxes, scores = random_boxes(150, seed=offset)
    dets, kept = ops.nms(boxes, scores, threshold, offset=offset)
    expected = nms_loop(boxes.numpy(), scores.numpy(), threshold, offset)
    assert 2 <= len(expected) < 150
    assert kept.tolist() == expected
    torch.testing.assert_close(dets, torch.cat([boxes, scores[:, None]], 1)[kept], rtol=0, atol=0)


SIDES = st.tuples(*[st.integers(0, 8)] * 2, *[st.integers(1, 6)] * 2)


@given(st.lists(SIDES, min_size=1, max_size=12), st.integers(1, 9), st.integers(0, 1))
@settings(max_examples=150, deadline=None, derandomize=True, database=None)
def test_nms_on_whole_pixels(sides: list[tuple[int, ...]], tenths: int, offset: int) -> None:
    """Small whole numbers make overlaps that equal the threshold, which must not count."""
    boxes = torch.tensor([(x, y, x + w, y + h) for x, y, w, h in sides], dtype=torch.float32)
    scores = torch.linspace(0.1, 0.9, len(boxes)).flip(0)
    _, kept = ops.nms(boxes, scores, tenths / 10, offset=offset)
    assert kept.tolist() == nms_loop(boxes.numpy(), scores.numpy(), tenths / 10, offset)


def test_nms_keeps_an_overlap_that_equals_the_threshold() -> None:
    boxes = torch.tensor([[0.0, 0, 10, 1], [0, 0, 3, 1]])  # 3/10: more than 0.3 only as float32
    assert ops.nms(boxes, torch.tensor([0.9, 0.8]), 0.3)[1].tolist() == [0, 1]
    assert ops.nms(boxes, torch.tensor([0.9, 0.8]), 0.29)[1].tolist() == [0]


def test_nms_options_of_mmcv_and_no_boxes() -> None:
    boxes, scores = random_boxes(30, seed=5)
    _, every = ops.nms(boxes, scores, 0.5)
    assert ops.nms(boxes, scores, 0.5, max_num=3)[1].tolist() == every[:3].tolist()
    _, good = ops.nms(boxes, scores, 0.5, score_threshold=0.6)
    assert good.tolist() == [i for i in every.tolist() if scores[i] > 0.6]
    dets, kept = ops.nms(boxes.numpy(), scores.numpy(), 0.5)
    assert isinstance(dets, np.ndarray)
    assert kept.tolist() == every.tolist()
    for offset in (0, 1):
        dets, kept = ops.nms(boxes[:0], scores[:0], 0.5, offset=offset)
        assert dets.shape == (0, 5)
        assert kept.shape == (0,)
        assert kept.dtype == torch.long


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16, torch.float64])
def test_served_nms_takes_every_float_type(served: ModuleType, dtype: torch.dtype) -> None:
    boxes, scores = random_boxes(30, seed=7)
    boxes, expected = boxes.to(dtype), scores.to(dtype)
    for kind in (dtype, torch.float32):  # mixed, as under autocast
        kept = served.nms(boxes, expected.to(kind), iou_threshold=0.5, offset=1)
        reference = served.nms(boxes.float(), expected.float(), iou_threshold=0.5, offset=1)
        assert kept.tolist() == reference.tolist()
    options = {'iou_threshold': 0.5, 'sigma': 0.5, 'min_score': 0.3, 'method': 2, 'offset': 0}
    dets, exact = boxes.new_empty(30, 5), torch.empty(30, 5)
    kept = served.softnms(boxes, expected, dets, **options)
    reference = served.softnms(boxes.float(), expected.float(), exact, **options)
    assert kept.tolist() == reference.tolist()
    # Computed in float32 at least, and rounded once.
    dets, exact = dets[: len(kept)], exact[: len(kept)].to(dtype)
    torch.testing.assert_close(dets, exact, rtol=1e-6, atol=0)


# ----------------------------------------------------------------------------------- soft NMS


def soft_nms_loop(
    boxes: np.ndarray, scores: np.ndarray, threshold: float, **options: float | str
) -> tuple[list[float], list[int]]:
    """Selected scores and indices: take the best, weaken the rest, drop who falls too low."""
    method, offset = options['method'], options['offset']
    left = dict(enumerate(scores.tolist()))
    picked: list[float] = []
    kept: list[int] = []
    while left:
        best = max(left, key=left.__getitem__)
        picked.append(left.pop(best))
        kept.append(best)
        for index in list(left):
            iou = float(overlap(boxes[best], boxes[index], offset))
            if method == 'gaussian':
                left[index] *= math.exp(-iou * iou / options['sigma'])
            elif iou >= threshold:
                left[index] *= 0.0 if method == 'naive' else 1 - iou
            if left[index] < options['min_score']:
                del left[index]
    return picked, kept


@pytest.mark.parametrize('offset', [0, 1])
@pytest.mark.parametrize('min_score', [1e-3, 0.3])
@pytest.mark.parametrize('method', METHODS)
def test_soft_nms_equals_the_loop(method: str, min_score: float, offset: int) -> None:
    boxes, scores = random_boxes(40, seed=11)
    before = boxes.clone(), scores.clone()
    options = {'sigma': 0.4, 'min_score': min_score, 'method': method, 'offset': offset}
    dets, kept = ops.soft_nms(boxes, scores, 0.35, **options)
    picked, expected = soft_nms_loop(boxes.numpy(), scores.numpy(), 0.35, **options)
    assert kept.tolist() == expected
    torch.testing.assert_close(dets[:, :4], boxes[kept], rtol=0, atol=0)
    torch.testing.assert_close(dets[:, 4], torch.tensor(picked), rtol=1e-5, atol=1e-7)
    torch.testing.assert_close((boxes, scores), before, rtol=0, atol=0)
    assert len(kept) < 40 or min_score < 0.3


@pytest.mark.parametrize('method', METHODS)
def test_soft_nms_edges(method: str) -> None:
    boxes, scores = random_boxes(3, seed=2)
    dets, kept = ops.soft_nms(boxes[:0], scores[:0], method=method)
    assert dets.shape == (0, 5)
    assert kept.shape == (0,)
    # The first box is never held against min_score.
    dets, kept = ops.soft_nms(boxes, scores, min_score=0.99, method=method)
    assert kept.tolist() == [int(scores.argmax())]
    # The first box changes places with the one taken before it: 1 then comes before 0.
    apart = torch.tensor([[0.0, 0, 1, 1], [2, 2, 3, 3], [4, 4, 5, 5]])
    _, kept = ops.soft_nms(apart, torch.tensor([0.5, 0.5, 0.9]), method=method)
    assert kept.tolist() == [2, 1, 0]
    # The last boxes take the places of dropped ones, the very last first: 4 then comes before 3.
    two_dropped = torch.cat([apart[:1], apart[:1], apart])
    scores = torch.tensor([0.8, 0.7, 0.9, 0.5, 0.5])
    _, kept = ops.soft_nms(two_dropped, scores, min_score=0.2, method=method)
    assert kept.tolist() == [2, 4, 3]


# ----------------------------------------------------------------------------------- RoIAlign


def rois_inside_and_out() -> Tensor:
    """RoIs [K, 5] over two images of 24 x 28 pixels: inside, partly and wholly outside, thin."""
    return torch.tensor(
        [
            [0, 2.3, 3.1, 17.9, 15.2],
            [1, 0, 0, 28, 24],
            [1, -9.7, -6.2, 8.4, 11.3],
            [0, 20.6, 17.1, 45.2, 39.8],
            [1, 90, 95, 120, 133],
            [0, -70, -80, -31, -40.5],
            [1, 11.2, 7.3, 11.4, 20.9],
        ],
        dtype=torch.float64,
    )


def roi_align_loop(
    maps: Tensor, rois: Tensor, size: tuple[int, int], scale: float, ratio: int, aligned: bool
) -> Tensor:
    """Mean over sample points; a point's value is a sum over all cells, weighted by tents."""
    _, channels, height, width = maps.shape
    output = torch.zeros(len(rois), channels, *size, dtype=maps.dtype)

    def tent(position: float, cells: int) -> Tensor:
        if not -1 <= position <= cells:
            return torch.zeros(cells, dtype=maps.dtype)
        position = min(max(position, 0), cells - 1)
        return (1 - (torch.arange(cells, dtype=maps.dtype) - position).abs()).clamp(min=0)

    def points(low: float, high: float, bins: int) -> list[list[float]]:
        low, high = (edge * scale - 0.5 * aligned for edge in (low, high))
        extent = high - low if aligned else max(high - low, 1)
        count = ratio or math.ceil(extent / bins)
        step = extent / bins / count
        return [[low + (b * count + i + 0.5) * step for i in range(count)] for b in range(bins)]

    for k, (image, left, top, right, bottom) in enumerate(rois.tolist()):
        rows = [sum(tent(y, height) for y in ys) / len(ys) for ys in points(top, bottom, size[0])]
        columns = [sum(tent(x, width) for x in xs) / len(xs) for xs in points(left, right, size[1])]
        for p, row in enumerate(rows):
            for q, column in enumerate(columns):
                output[k, :, p, q] = torch.einsum('chw,h,w->c', maps[int(image)], row, column)
    return output


@pytest.mark.parametrize('scale', [1.0, 0.5, 0.25])
@pytest.mark.parametrize('ratio', [0, 2])
@pytest.mark.parametrize('aligned', [True, False])
def test_roi_align_equals_interpolation_by_hand(scale: float, ratio: int, aligned: bool) -> None:
    maps = random(2, 3, int(24 * scale), int(28 * scale), seed=3) - 0.5
    rois = rois_inside_and_out()
    expected = roi_align_loop(maps, rois, (3, 2), scale, ratio, aligned)
    result = ops.roi_align(maps, rois, (3, 2), scale, ratio, 'avg', aligned)
    torch.testing.assert_close(result, expected, rtol=0, atol=1e-12)
    assert (expected.flatten(1).abs().sum(1) > 0).tolist() == [True] * 4 + [False] * 2 + [True]
    layer = ops.RoIAlign((3, 2), scale, ratio, aligned=aligned)
    torch.testing.assert_close(layer(maps.float(), rois.float()), expected.float())


@pytest.mark.parametrize('ratio', [0, 2])
@pytest.mark.parametrize('aligned', [True, False])
def test_roi_align_gradient(ratio: int, aligned: bool) -> None:
    maps = random(2, 2, 6, 7, seed=4).requires_grad_()
    rois = rois_inside_and_out()

    def align(maps: Tensor) -> Tensor:
        # Transposed: what comes back through it is not contiguous.
        return ops.roi_align(maps, rois, (2, 3), 0.25, ratio, 'avg', aligned).transpose(2, 3)

    assert torch.autograd.gradcheck(align, maps)


def test_roi_align_of_no_rois() -> None:
    maps = random(1, 2, 4, 4).requires_grad_()
    result = ops.roi_align(maps, maps.new_zeros(0, 5), 2)
    assert result.shape == (0, 2, 2, 2)
    result.sum().backward()
    assert not maps.grad.any()


@pytest.mark.parametrize('autocast', [True, False])
@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_served_roi_align_takes_half(serve: Serve, dtype: torch.dtype, autocast: bool) -> None:
    """As exact as the type can be: computed in float32 and rounded once."""
    maps, rois = random(2, 3, 24, 28, seed=6, dtype=dtype), rois_inside_and_out().to(dtype)
    serve('roi_align')
    tolerance = torch.finfo(dtype).eps
    half, full = maps.clone().requires_grad_(), maps.float().requires_grad_()
    with torch.autocast('cpu', dtype=dtype, enabled=autocast):
        result = ops.roi_align(half, rois, (3, 2), 1.0)
    expected = ops.roi_align(full, rois.float(), (3, 2), 1.0)
    assert result.dtype == dtype
    torch.testing.assert_close(result.float(), expected, rtol=0, atol=tolerance)
    result.float().sum().backward()
    expected.sum().backward()
    assert half.grad.dtype == dtype
    # Gradients of up to 7 boxes meet in a cell.
    torch.testing.assert_close(half.grad.float(), full.grad, rtol=0, atol=16 * tolerance)


# ------------------------------------------------------------------------------- sigmoid focal loss


def focal_loss_loop(logits: Tensor, target: Tensor, gamma: float, alpha: float) -> Tensor:
    """The formula of the RetinaNet paper, one logit at a time; class C is background."""
    output = torch.zeros_like(logits)
    for i, row in enumerate(logits.tolist()):
        for c, logit in enumerate(row):
            p = 1 / (1 + math.exp(-logit))
            if int(target[i]) == c:
                output[i, c] = -alpha * (1 - p) ** gamma * math.log(p)
            else:
                output[i, c] = -(1 - alpha) * p**gamma * math.log(1 - p)
    return output


@pytest.mark.parametrize(('gamma', 'alpha'), [(2.0, 0.25), (0.5, 0.7)])
def test_served_focal_loss_equals_the_formula(serve: Serve, gamma: float, alpha: float) -> None:
    serve('focal_loss')
    logits = 4 * random(9, 3, seed=9) - 2
    target = torch.arange(9) % 4
    expected = focal_loss_loop(logits, target, gamma, alpha)
    for reduction, value in dict(none=expected, sum=expected.sum(), mean=expected.sum() / 9).items():
        result = ops.sigmoid_focal_loss(logits, target, gamma, alpha, None, reduction)
        torch.testing.assert_close(result, value)


def test_served_focal_loss_gradient(serve: Serve) -> None:
    serve('focal_loss')
    target = torch.tensor([0, 2, 1, 2])
    logits = (4 * random(4, 2, seed=10) - 2).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: ops.sigmoid_focal_loss(x, target, 2.0, 0.25, None, 'mean'), logits)


def test_focal_loss_with_class_weights_is_not_served(serve: Serve) -> None:
    serve('focal_loss')
    with pytest.raises(RuntimeError, match=r'sigmoid_focal_loss \(class weights\)'):
        ops.sigmoid_focal_loss(random(2, 2), torch.tensor([0, 1]), 2.0, 0.25, torch.ones(2).double())


# --------------------------------------------------------------- multi-scale deformable attention

SHAPES = torch.tensor([[5, 7], [3, 4]])


def deformable_inputs() -> tuple[Tensor, Tensor, Tensor]:
    """Values [2, 47, 2, 3] on two maps; locations [2, 4, 2, 2, 3, 2], some outside; weights [2, 4, 2, 2, 3]."""
    return random(2, 47, 2, 3, seed=11), 1.4 * random(2, 4, 2, 2, 3, 2, seed=12) - 0.2, random(2, 4, 2, 2, 3, seed=13)


def sample_deformably(value: Tensor, locations: Tensor, weights: Tensor) -> Tensor:
    """The operator as mmcv calls it for CUDA tensors; it does not ask where they are."""
    starts = torch.tensor([0, 35])
    function = ops.multi_scale_deform_attn.MultiScaleDeformableAttnFunction
    return function.apply(value, SHAPES, starts, locations, weights, 64)


def test_served_deformable_attention_equals_interpolation_by_hand(serve: Serve) -> None:
    serve('multi_scale_deform_attn')
    value, locations, weights = deformable_inputs()
    expected = torch.zeros(2, 4, 2, 3, dtype=value.dtype)
    for batch, query, head, level, point in np.ndindex(*weights.shape):
        height, width = SHAPES[level].tolist()
        x, y = locations[batch, query, head, level, point] * torch.tensor([width, height]) - 0.5
        for row, column in np.ndindex(height, width):
            share = max(0, 1 - abs(x - column)) * max(0, 1 - abs(y - row))
            cell = value[batch, (0, 35)[level] + row * width + column, head]
            expected[batch, query, head] += weights[batch, query, head, level, point] * share * cell
    torch.testing.assert_close(sample_deformably(value, locations, weights), expected.flatten(2))


def test_served_deformable_attention_gradient(serve: Serve) -> None:
    serve('multi_scale_deform_attn')
    inputs = [tensor.requires_grad_() for tensor in deformable_inputs()]
    assert torch.autograd.gradcheck(sample_deformably, inputs)


# ------------------------------------------------------------------- what the stand-in lacks


def test_other_operators_say_their_name_and_the_remedy(serve: Serve) -> None:
    serve('deform_conv')
    maps, offset = torch.zeros(1, 2, 5, 5), torch.zeros(1, 18, 5, 5)
    with pytest.raises(RuntimeError, match='deform_conv_forward') as raised:
        ops.deform_conv2d(maps, offset, torch.zeros(2, 2, 3, 3), 1, 1)
    message = str(raised.value)
    assert 'no compiled operators' in message
    assert 'C++ compiler' in message
    assert '--no-build-isolation' in message
    assert '\npip install' in message


def test_max_mode_of_roi_align_is_not_served(serve: Serve) -> None:
    serve('roi_align')
    with pytest.raises(RuntimeError, match=r"roi_align_forward \(pool_mode='max'\)"):
        ops.roi_align(random(1, 1, 4, 4), torch.zeros(1, 5).double(), 2, 1.0, 0, 'max', True)


def test_every_name_exists_but_the_import_system_s_own(served: ModuleType) -> None:
    for name in ('carafe_forward', 'modulated_deform_conv_forward', 'anything'):
        assert callable(getattr(served, name))
    assert not hasattr(served, '__path__')
    assert not hasattr(served, '__wrapped__')
    with pytest.raises(AttributeError, match='__wrapped__'):
        _ = served.__wrapped__


def test_versions_are_strings(served: ModuleType) -> None:
    """mmcv.utils.collect_env prints them when a Runner starts."""
    assert isinstance(ops.get_compiler_version(), str)
    assert isinstance(ops.get_compiling_cuda_version(), str)
    assert 'torchvision' in served.get_compiler_version()
    assert served.get_compiling_cuda_version() == 'not available'


# ----------------------------------------------------------------------- who serves, and when


def finders() -> list[object]:
    return [finder for finder in sys.meta_path if isinstance(finder, stand_in._ExtFinder)]


def test_install_again_changes_nothing() -> None:
    before = list(sys.meta_path)
    stand_in.install()
    assert sys.meta_path == before
    assert len(finders()) == 1


def test_the_loaded_module_says_who_serves_it() -> None:
    ext = sys.modules['mmcv._ext']
    assert stand_in.is_served() == (getattr(ext, 'SERVED_BY', None) == 'torchvision')
    assert stand_in.is_served() == (ext.__spec__.loader in finders())


@pytest.mark.parametrize('name', ['mmcv', 'mmcv.ops', 'mmcv._ext.nms', '_ext', 'mmdet._ext'])
def test_the_finder_knows_no_other_name(name: str) -> None:
    assert stand_in._ExtFinder().find_spec(name) is None


def test_the_spec_is_found_as_mmengine_looks_for_it() -> None:
    from mmengine.utils.dl_utils.misc import mmcv_full_available

    assert importlib.util.find_spec('mmcv._ext').name == 'mmcv._ext'
    assert mmcv_full_available()


def run(code: str, *path: Path, **environment: str) -> None:
    """Run code in a fresh interpreter that finds the folders in path, then the project."""
    search = os.pathsep.join(map(str, (*path, ROOT)))
    environment = {**os.environ, 'PYTHONPATH': search, 'OMP_NUM_THREADS': '1', **environment}
    command = [sys.executable, '-c', code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def bare_mmcv(tmp_path: Path) -> Path:
    """A folder with an empty package `mmcv`, for interpreters that do without the real one."""
    (tmp_path / 'mmcv').mkdir()
    (tmp_path / 'mmcv/__init__.py').touch()
    return tmp_path


def test_import_and_install_load_neither_torch_nor_mmcv() -> None:
    run("""
import sys
import mmcv_ext_torchvision
mmcv_ext_torchvision.install()
assert not {'torch', 'torchvision', 'mmcv', 'numpy'} & set(sys.modules)
assert not mmcv_ext_torchvision.is_served()
""")


def test_a_compiled_module_wins(bare_mmcv: Path) -> None:
    (bare_mmcv / 'mmcv/_ext.py').write_text('nms = "compiled"')
    run(
        """
import mmcv_ext_torchvision as stand_in
asked = []
stand_in._ExtFinder.find_spec = lambda self, name, *rest: asked.append(name)
stand_in.install()
import mmcv._ext
assert mmcv._ext.nms == 'compiled'
assert 'mmcv._ext' not in asked, asked
assert not stand_in.is_served()
""",
        bare_mmcv,
    )


def test_the_spec_alone_loads_no_torch_and_needs_torchvision(bare_mmcv: Path) -> None:
    run(
        """
import importlib.util, sys
import mmcv_ext_torchvision
assert importlib.util.find_spec('mmcv._ext') is None
mmcv_ext_torchvision.install()
assert importlib.util.find_spec('mmcv._ext').loader is sys.meta_path[-1]
assert importlib.util.find_spec('mmcv._other') is None
assert not {'torch', 'torchvision'} & set(sys.modules)
sys.modules['torchvision'] = None  # as if it were not installed
assert importlib.util.find_spec('mmcv._ext') is None
try:
    import mmcv._ext
except ModuleNotFoundError as error:
    assert error.name == 'mmcv._ext'
else:
    raise AssertionError
""",
        bare_mmcv,
    )


@pytest.mark.skipif(torch.__version__ < '2.5', reason='torch before 2.5 calls nothing when it is imported')
def test_import_torch_installs() -> None:
    run(
        """
import sys, torch
assert [type(finder).__name__ for finder in sys.meta_path].count('_ExtFinder') == 1
assert 'torchvision' not in sys.modules
import mmcv.ops
""",
        TORCH_DEVICE_BACKEND_AUTOLOAD='1',
    )


def test_import_mmcrossformer_installs_where_torch_may_not() -> None:
    run(
        """
import sys, torch
assert 'mmcv_ext_torchvision' not in sys.modules
import mmcrossformer
assert [type(finder).__name__ for finder in sys.meta_path].count('_ExtFinder') == 1
assert not {'torchvision', 'mmcv'} & set(sys.modules)
""",
        TORCH_DEVICE_BACKEND_AUTOLOAD='0',
    )
