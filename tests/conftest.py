"""Settings and fixtures that several test files share."""

import os

# Before torch starts: test processes run side by side.
os.environ.setdefault('OMP_NUM_THREADS', '1')

import pytest
import torch

# Without a GPU the Triton kernels run in Triton's interpreter, which Triton wants to know when it is imported.
if not torch.cuda.is_available():
    os.environ.setdefault('TRITON_INTERPRET', '1')

pytest_plugins = ['quick']

# Every feature of the large variants in little: four stages, both attentions, a cooling layer in stage 2.
TINY = dict(embed_dims=16, depths=(1, 2, 4, 2), num_heads=(1, 2, 4, 8), group_size=(3, 3, 2, 2), interval=(4, 2, 2, 1))
TINY_CAT = dict(embed_dims=16, depths=(1, 1, 2, 1), num_heads=(1, 2, 4, 8))


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


@pytest.fixture
def in_strips(monkeypatch) -> None:
    """Makes backbones take small maps as they take large ones: in strips, large groups by some queries at a time."""
    monkeypatch.setattr(streamed_block, '_STREAMED_TOKENS', 0)
    monkeypatch.setitem(streamed_block._STRIP_TOKENS, 'cpu', 20)
    monkeypatch.setitem(plain_attention._STRIP_TOKENS, 'cpu', 20)
    monkeypatch.setitem(plain_attention._CHUNK_LOGITS, 'cpu', 64)
    monkeypatch.setattr(plain_attention, '_CHUNK_BIASES', 64)
    monkeypatch.setattr(plain_attention, '_FUSED_TOKENS', 8)
