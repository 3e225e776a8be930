"""What CrossFormer promises beyond test_pyramid.py."""

import copy
import re
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from saved import saved_bytes
from tiers import sampled
from tiny import TINY
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from mmcrossformer import CrossFormer
from mmcrossformer.models.attention import BACKENDS, LDA_SCOPES, GroupAttention, choose, force_backend


def test_outputs_have_no_norm_unless_asked_for(tiny_arch):
    plain, normed = CrossFormer(tiny_arch).eval(), CrossFormer(tiny_arch, out_norm=True).eval()
    normed.load_state_dict(plain.state_dict(), strict=False)
    x = torch.randn(1, 3, 64, 64)
    for a, b in zip(plain(x), normed(x), strict=True):
        layer_norm = torch.nn.functional.layer_norm(a.permute(0, 2, 3, 1), a.shape[1:2]).permute(0, 3, 1, 2)
        torch.testing.assert_close(b, layer_norm)


@pytest.mark.parametrize('scope', LDA_SCOPES)
@pytest.mark.parametrize('group_size', [2, 7])
def test_memory_grows_linearly_with_elongated_images(tiny_arch, group_size, scope):
    model = CrossFormer(tiny_arch, group_size=(group_size,) * 4, lda_scope=scope)
    weights = saved_bytes(model, torch.randn(1, 3, 32, 32))
    short, long = (saved_bytes(model, torch.randn(1, 3, 96, length)) - weights for length in (4096, 16384))
    # Not exactly in blocks: a whole-map group has up to 1,024 tokens, and the chunks of a map have equal lengths.
    assert long == pytest.approx(4 * short, rel=0.15)


def test_stochastic_depth(tiny_arch):
    model = CrossFormer(tiny_arch, drop_path_rate=0.4)
    rates = [block.drop_path.rate for stage in model.stages for block in stage.blocks]
    assert rates == pytest.approx([0.05 * i for i in range(9)])
    x = torch.randn(64, 3, 32, 32)
    with torch.no_grad():
        assert not torch.equal(model(x)[-1], model(x)[-1])
        model.eval()
        assert torch.equal(model(x)[-1], model(x)[-1])
    assert CrossFormer('large', out_indices=(0,)).stages[0].blocks[1].drop_path.rate == pytest.approx(0.5 / 23)


def test_drop_path_keeps_the_mean():
    drop = CrossFormer('tiny', out_indices=(0,), drop_path_rate=0.3).stages[0].blocks[0].drop_path
    drop.rate = 0.3
    out = drop(torch.ones(20000, 1, 1, 1))
    assert sorted(out.unique().tolist()) == pytest.approx([0, 1 / 0.7])
    assert out.mean().item() == pytest.approx(1, abs=0.02)


def test_initialization(tiny_arch):
    model = CrossFormer(dict(tiny_arch, embed_dims=64, num_heads=(1, 2, 4, 8)))
    for module in model.modules():
        if isinstance(module, torch.nn.Linear):
            assert module.bias.abs().max() == 0
            if module.weight.numel() > 10000:
                assert module.weight.std().item() == pytest.approx(0.02, rel=0.05)
        if isinstance(module, torch.nn.LayerNorm):
            assert module.weight.eq(1).all()
            assert module.bias.eq(0).all()
    before = copy.deepcopy(model.state_dict())
    model.init_weights()  # what mmengine's Runner calls; nothing is asked for, so nothing changes
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
@pytest.mark.parametrize('grad', [True, False])
def test_half_precision_is_finite_on_padded_maps_and_empty_groups(tiny_arch, dtype, grad):
    # Stage 0 is 17 x 26 tokens in regions of 12: the last long distance groups are padding alone.
    model = CrossFormer(tiny_arch).to(dtype)
    for p in model.parameters():
        if p.dim() > 1:
            torch.nn.init.normal_(p, std=2 * p[0].numel() ** -0.5)
    with torch.set_grad_enabled(grad):
        outputs = model(10 * torch.randn(1, 3, 67, 101, dtype=dtype))
    assert all(out.isfinite().all() for out in outputs)
    if grad:
        sum(out.float().mean() for out in outputs).backward()
        assert all(p.grad.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize(('short', 'group_size'), [(96, 7), (224, 14)])
def test_cost_of_blocks_grows_linearly_with_elongated_images(short, group_size):
    """The map of stage 3 would be one group, were it not cut."""
    with torch.device('meta'):
        model = CrossFormer('small', group_size=(group_size,) * 4, lda_scope='block').eval()

    def flops(length):
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            model(torch.zeros(1, 3, short, length, device='meta'))
        return counter.get_total_flops()

    assert flops(16384) == pytest.approx(2 * flops(8192), rel=0.03)


def test_weights_count_at_once_after_a_step_of_a_fused_optimizer(tiny_arch):
    """Fused optimizers do not raise the version of the weights that they write to."""
    model = CrossFormer(tiny_arch).eval()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1, fused=True)
    x = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        before = model(x)
    for _ in range(3):
        sum(out.square().mean() for out in model(x)).backward()
        optimizer.step()
    with torch.no_grad():
        after = model(x)
    other = CrossFormer(tiny_arch).eval()
    other.load_state_dict(model.state_dict())
    with torch.no_grad():
        assert not torch.equal(before[-1], after[-1])
        assert all(torch.equal(a, b) for a, b in zip(after, other(x), strict=True))


@pytest.mark.usefixtures('in_strips')
@pytest.mark.parametrize('passes', sampled([100, 600], fast=[100]))
def test_threads_share_a_model(tiny_arch, passes):
    arch = dict(tiny_arch, depths=(1, 2, 1, 1), embed_dims=16)
    model = CrossFormer(arch).eval()
    images = [torch.randn(1, 3, side, side + 8) for side in (24, 32, 40, 48)]
    with torch.no_grad():
        expected = [model(x) for x in images]

    def run(number):
        with torch.no_grad():
            outputs = model(images[number % 4])
        return all(torch.equal(a, b) for a, b in zip(outputs, expected[number % 4], strict=True))

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(run, range(passes)))


class Sine(nn.Module):
    """Another layer in the place of one: an adapter, or a quantized layer."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, *args):
        return self.layer(*args).sin()


LAYERS = CrossFormer(TINY | dict(cooling=True), out_indices=(0, 1, 2)).named_modules()
LAYERS = [name for name, layer in LAYERS if name.count('.') > 1 and not isinstance(layer, nn.ModuleList)]
# Of each kind of layer the last one.
LAYERS = sorted({re.sub(r'\d+', '*', name): name for name in LAYERS}.values())


@pytest.mark.parametrize('grad', [True, False], ids=['gradients', 'no gradients'])
@pytest.mark.parametrize('name', LAYERS)
def test_every_layer_is_called_and_can_be_replaced(tiny_arch, name, grad):
    torch.manual_seed(1)  # with 0, and the random numbers of torch 2.4, all units of a tiny position bias are dead
    model = CrossFormer(tiny_arch, out_indices=(0, 1, 2)).eval()
    for p in model.parameters():
        nn.init.normal_(p, std=0.5)
    x, calls = torch.randn(1, 3, 72, 64), []
    with torch.set_grad_enabled(grad):
        before = model(x)
        layer = model.get_submodule(name)
        handle = layer.register_forward_hook(lambda *_: calls.append(name))
        hooked = model(x)
        handle.remove()
        parent, _, attribute = name.rpartition('.')
        setattr(model.get_submodule(parent), attribute, Sine(layer))
        after = model(x)
    assert len(calls) == (2 if name.endswith('drop_path') else 1)
    torch.testing.assert_close(hooked, before, rtol=0, atol=0)
    assert not torch.equal(after[-1], before[-1])


def test_large_maps_run_in_strips_without_gradients(tiny_arch, monkeypatch):
    model = CrossFormer(tiny_arch, out_indices=(0,)).eval()
    images = torch.randn(1, 3, 300, 270)
    (plain,) = model(images)

    def refuse(*args):
        raise AssertionError

    # Strips go past it, with the grouping and the biases of the whole map.
    monkeypatch.setattr(GroupAttention, 'forward', refuse)
    with torch.no_grad():
        (in_strips,) = model(images)
        for whole in (images, images[..., :100]):
            with pytest.raises(AssertionError):
                model.train(whole is images)(whole)
    torch.testing.assert_close(in_strips, plain)


def test_backend_can_be_asked_and_forced(tiny_arch):
    model = CrossFormer(tiny_arch).eval()
    attention = model.stages[0].blocks[0].attn
    assert choose(torch.zeros(1, 4, 4, 48), attention.rule) == 'strips'
    x = torch.randn(1, 3, 50, 70)
    with torch.no_grad():
        expected = model(x)
        for backend in ('strips', 'traced'):
            force_backend(model, backend)
            torch.testing.assert_close(model(x), expected)
        force_backend(model, None)
        assert attention.backend is None
        assert all(torch.equal(a, b) for a, b in zip(model(x), expected, strict=True))
    with pytest.raises(ValueError, match=f"backend must be one of {', '.join(BACKENDS)} or None, got 'flash'"):
        force_backend(model, 'flash')


def test_operations_are_counted_alike_with_and_without_gradients(tiny_arch):
    model, counts = CrossFormer(tiny_arch).eval(), []
    for gradients in (True, False):
        with torch.set_grad_enabled(gradients), FlopCounterMode(display=False) as counter:
            model(torch.randn(2, 3, 70, 100))
        counts.append(counter.get_total_flops())
    assert counts[0] == counts[1] > 0


@pytest.mark.usefixtures('in_strips')
def test_frozen_stages_run_strip_by_strip(tiny_arch):
    """They need no gradients, so they cost as little in training as in inference."""
    frozen, plain = CrossFormer(tiny_arch, frozen_stages=1), CrossFormer(tiny_arch)
    plain.load_state_dict(frozen.state_dict())
    x = torch.randn(1, 3, 70, 100)
    for a, b in zip(frozen(x), plain(x), strict=True):
        torch.testing.assert_close(a, b)


@pytest.mark.usefixtures('in_strips')
def test_hooks_see_whole_maps(tiny_arch):
    """Without gradients blocks run strip by strip, but not where a hook would notice."""
    model = CrossFormer(tiny_arch).eval()
    x, seen = torch.randn(2, 3, 100, 70), []
    with torch.no_grad():
        plain = model(x)
        handle = model.stages[0].blocks[0].attn.qkv.register_forward_hook(lambda *call: seen.append(call[2].shape))
        hooked = model(x)
        handle.remove()
        model(x)
    assert seen == [(2, 25, 18, 48)]
    for a, b in zip(plain, hooked, strict=True):
        torch.testing.assert_close(a, b)


def test_state_dict_names():
    names = set(CrossFormer('pp-small', out_norm=True, out_indices=(3,)).state_dict())
    for anchor in (
        'stages.0.embed.convs.3.weight',
        'stages.0.embed.norm.bias',
        'stages.1.embed.norm.weight',
        'stages.2.blocks.17.attn.qkv.weight',
        'stages.2.blocks.2.cooling.conv.weight',
        'stages.3.blocks.1.attn.pos_bias.layers.2.2.weight',
        'stages.3.blocks.1.mlp.fc2.bias',
        'norm3.weight',
    ):
        assert anchor in names
    assert 'stages.2.blocks.17.cooling.conv.weight' not in names
