"""What all backbones promise."""

import copy
import functools

import pytest
import torch
from saved import saved_bytes
from tiny import TINY_CAT

from mmcrossformer import CAT, CrossFormer


@pytest.fixture(params=[CrossFormer, CAT])
def make(request, tiny_arch):
    """Builds a small backbone with the arguments given."""
    arch = tiny_arch
    if request.param is CAT:
        arch = TINY_CAT
    return functools.partial(request.param, arch)


def expected_shape(height, width, stage):
    stride = 4 * 2**stage
    return -(-height // stride), -(-width // stride)


@pytest.mark.parametrize(
    ('height', 'width'), [(1, 1), (1, 200), (31, 33), (224, 224), (97, 230), (800 // 4, 1333 // 4)]
)
def test_any_size(make, height, width):
    model = make()
    outputs = model(torch.randn(2, 3, height, width))
    assert [tuple(out.shape) for out in outputs] == [
        (2, channels, *expected_shape(height, width, stage)) for stage, channels in enumerate((16, 32, 64, 128))
    ]
    assert model.out_channels == (16, 32, 64, 128)
    assert model.out_strides == (4, 8, 16, 32)
    assert all(out.isfinite().all() for out in outputs)


@pytest.mark.parametrize('shape', [(3, 32, 32), (1, 4, 32, 32), (1, 3, 0, 32), (1, 3, 32, 0)])
def test_wrong_input(make, shape):
    with pytest.raises(ValueError, match=r'\[B, 3, H, W\] with H, W >= 1, got \[' + ', '.join(map(str, shape))):
        make()(torch.zeros(shape))


def test_forward_keeps_no_state(make):
    model = make().eval()
    state = copy.deepcopy(model.state_dict())
    big, small = torch.randn(1, 3, 200, 264), torch.randn(1, 3, 20, 20)
    with torch.no_grad():
        first = model(big)
        model(small)
        again = model(big)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert state.keys() == model.state_dict().keys()
    assert not list(model.buffers())


def test_images_of_a_batch_do_not_mix(make):
    model = make().eval()
    batch = torch.randn(3, 3, 70, 90)
    with torch.no_grad():
        together = model(batch)
        alone = model(batch[1:2])
    for a, b in zip(together, alone, strict=True):
        torch.testing.assert_close(a[1:2], b)


@pytest.mark.parametrize('in_channels', [1, 4, 13])
def test_in_channels(make, in_channels):
    outputs = make(in_channels=in_channels)(torch.randn(1, in_channels, 40, 40))
    assert outputs[0].shape == (1, 16, 10, 10)


@pytest.mark.parametrize('frozen', [-1, 0, 1, 2, 3])
def test_frozen_stages(make, frozen):
    model = make(frozen_stages=frozen, drop_path_rate=0.5)
    model.train()
    for i, stage in enumerate(model.stages):
        parts = [stage, *([getattr(model, f'norm{i}')] if model.out_norm else [])]
        assert all(p.requires_grad == (i > frozen) for part in parts for p in part.parameters())
        assert all(module.training == (i > frozen) for part in parts for module in part.modules())
    outputs = model(torch.randn(1, 3, 64, 64))
    assert [out.requires_grad for out in outputs] == [i > frozen for i in range(4)]
    if frozen < 3:
        outputs[-1].sum().backward()
    assert all(
        (p.grad is None) == (not p.requires_grad) for n, p in model.named_parameters() if not n.startswith('norm')
    )


@pytest.mark.parametrize('frozen', [-1, 1])
def test_checkpointing_changes_nothing(make, frozen):
    plain = make(drop_path_rate=0.5, frozen_stages=frozen)
    recomputed = make(drop_path_rate=0.5, frozen_stages=frozen, with_cp=True)
    recomputed.load_state_dict(plain.state_dict())
    x = torch.randn(4, 3, 90, 70)
    results = []
    for model in (plain, recomputed):
        torch.manual_seed(1)
        outputs = model(x)
        sum(out.square().mean() for out in outputs).backward()
        results.append([*outputs, *(p.grad for p in model.parameters() if p.requires_grad)])
    assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))


@pytest.mark.parametrize('kind', [CrossFormer, CAT])
def test_checkpointing_keeps_less(kind):
    x = torch.randn(1, 3, 96, 96)
    assert saved_bytes(kind('tiny', with_cp=True), x) < 0.4 * saved_bytes(kind('tiny'), x)


@pytest.mark.parametrize('out_indices', [(0,), (1,), (3,), (0, 2), (1, 2, 3), (0, 1, 2, 3)])
def test_every_parameter_gets_a_gradient(make, out_indices):
    model = make(out_indices=out_indices)
    outputs = model(torch.randn(1, 3, 100, 70))
    assert len(outputs) == len(out_indices)
    sum((out * torch.randn_like(out)).sum() for out in outputs).backward()
    assert [name for name, p in model.named_parameters() if p.grad is None] == []
    assert len(model.stages) == out_indices[-1] + 1


def test_autocast_stays_close(make):
    model = make().eval()
    x = torch.randn(1, 3, 67, 101)
    with torch.no_grad():
        exact = model(x)
        with torch.autocast('cpu', torch.bfloat16):
            rough = model(x)
    for a, b in zip(exact, rough, strict=True):
        assert (a - b.float()).abs().max() < 0.05 * a.abs().max()


def test_memory_format_does_not_matter(make):
    model = make().eval()
    x = torch.randn(2, 3, 70, 50)
    with torch.no_grad():
        for a, b in zip(model(x), model(x.to(memory_format=torch.channels_last)), strict=True):
            torch.testing.assert_close(a, b)


@pytest.mark.usefixtures('in_strips')
def test_input_stays_as_it_is(make):
    model = make().eval()
    x = torch.randn(1, 3, 64, 64).to(memory_format=torch.channels_last)
    before = x.clone()
    with torch.no_grad():
        outputs = model(x)
        kept = [out.clone() for out in outputs]
        model(torch.randn(1, 3, 64, 64))
    assert torch.equal(x, before)
    assert all(torch.equal(a, b) for a, b in zip(outputs, kept, strict=True))
