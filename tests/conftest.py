"""Settings and fixtures that several test files share."""

import gc
import os
import sys

# Before torch starts: test processes run side by side.
os.environ.setdefault('OMP_NUM_THREADS', '1')
# Without a GPU the Triton kernels run in Triton's interpreter, which Triton wants to know when it is imported.
os.environ.setdefault('TRITON_INTERPRET', '0' if os.path.exists('/dev/nvidiactl') else '1')

import pytest
import shortcuts  # noqa: F401
import torch
from tiny import TINY

from mmcrossformer.models.attention import strips
from mmcrossformer.models.layers import block

pytest_plugins = ['quick', 'checked']


# Modules that were imported when memory was last frozen.
_frozen = set()


def pytest_runtest_teardown() -> None:
    """Takes new libraries out of later garbage collections.

    mmengine collects garbage for every data set, and the objects of the host libraries make that take half of the time
    of a short training.
    """
    if any(name not in _frozen for name in sys.modules if name.endswith('.models')):
        gc.collect()
        gc.freeze()
        _frozen.update(sys.modules)


def pytest_unconfigure() -> None:
    """Lets libraries take down what they hold."""
    gc.unfreeze()


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


@pytest.fixture
def tiny_arch() -> dict:
    """A small architecture with cooling layers."""
    return dict(TINY, cooling=True)


@pytest.fixture
def zero_weights(monkeypatch) -> None:
    """Builds models with zeros for random weights, which are slow to draw, where values do not count."""
    for name in ('normal_', 'uniform_'):
        monkeypatch.setattr(torch.Tensor, name, lambda tensor, *_, **__: tensor.zero_())
    monkeypatch.setattr(torch.nn.init, '_no_grad_trunc_normal_', lambda tensor, *_, **__: tensor.detach().zero_())


@pytest.fixture
def in_strips(monkeypatch) -> None:
    """Makes backbones take small maps as they take large ones: in strips, large groups by some queries at a time."""
    monkeypatch.setattr(block, '_SMALL_MAP_TOKENS', 0)
    monkeypatch.setitem(block._STRIP_TOKENS, 'cpu', 20)
    monkeypatch.setitem(strips._STRIP_TOKENS, 'cpu', 20)
    monkeypatch.setitem(strips._CHUNK_LOGITS, 'cpu', 64)
    monkeypatch.setattr(strips, '_CHUNK_BIASES', 64)
    monkeypatch.setattr(strips, '_FUSED_TOKENS', 8)
