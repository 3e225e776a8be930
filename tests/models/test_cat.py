"""What CAT promises beyond test_pyramid.py and test_golden.py."""

import pytest
import torch
import torch.nn.functional as F
from golden import golden_weights
from saved import saved_bytes
from tiny import TINY_CAT
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from mmcrossformer import CAT, CAT_ARCHS, CrossFormer
from mmcrossformer.checkpoint import convert_official, to_official
from mmcrossformer.models.attention.patches import fused_attention
from mmcrossformer.models.layers import PatchMerging

# Millions of parameters and giga multiply-adds of the classifiers at 224 x 224, as the papers' figures were measured.
PUBLISHED = dict(tiny=(16.87, 2.77), small=(37.29, 6.06), base=(51.53, 8.93))


@pytest.mark.parametrize('arch', CAT_ARCHS)
def test_size_and_cost_of_the_classifier(arch):
    with torch.device('meta'):
        model = CAT(arch, out_indices=(3,)).eval()
        head = torch.nn.Linear(model.out_channels[-1], 1000)
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            head(model(torch.zeros(1, 3, 224, 224))[0].mean((2, 3)))
    count = sum(p.numel() for module in (model, head) for p in module.parameters())
    assert (round(count / 1e6, 2), round(counter.get_total_flops() / 2e9, 2)) == PUBLISHED[arch]


def test_blocks_of_a_round_share_a_stochastic_depth_rate():
    model = CAT(TINY_CAT, drop_path_rate=0.4)
    rates = [block.drop_path.rate for stage in model.stages for block in stage.blocks]
    assert rates == pytest.approx([rate for rate in (0, 0.1, 0.2, 0.3, 0.4) for _ in range(3)])
    assert CAT('base').stages[-1].blocks[-1].drop_path.rate == pytest.approx(0.3)


def test_odd_maps_are_merged_with_zeros():
    layer = PatchMerging(4).double()
    x = torch.randn(2, 5, 3, 4, dtype=torch.float64)
    even = F.pad(x, (0, 0, 0, 1, 0, 1))
    squares = [even[:, r::2, c::2] for r, c in ((0, 0), (1, 0), (0, 1), (1, 1))]
    torch.testing.assert_close(layer(x), layer.reduction(layer.norm(torch.cat(squares, dim=-1))))


class _Largest(TorchDispatchMode):
    """Notes the largest tensor that any operator returns."""

    numel = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        for value in out if isinstance(out, tuple | list) else (out,):
            if isinstance(value, torch.Tensor):
                self.numel = max(self.numel, value.numel())
        return out


@pytest.mark.parametrize('train', [False, True])
def test_logits_between_patches_are_never_held(train):
    model = CAT(TINY_CAT, out_indices=(0,)).train(train)
    patches, channels = 30 * 30, 16
    with torch.set_grad_enabled(train), _Largest() as seen:
        (out,) = model(torch.randn(1, 3, 840, 840))
        if train:
            out.sum().backward()
    hidden = 4 * channels * 210 * 210  # of the MLP, the largest map there is
    assert seen.numel == hidden < patches**2 * channels / 4


def test_memory_grows_linearly_with_elongated_images():
    model = CAT(TINY_CAT)
    short, middle, long = (saved_bytes(model, torch.randn(1, 3, 56, length)) for length in (448, 1792, 3136))
    assert long - middle == pytest.approx(middle - short, rel=0.01)


def test_padded_values_change_nothing():
    """GPUs take rows of 56 values in place of 49."""
    q, k, v = torch.randn(3, 2, 4, 9, 49, dtype=torch.float64, requires_grad=True).unbind()
    logits = q @ k.mT / 7
    torch.testing.assert_close(fused_attention(q, k, v, multiple=8), logits.softmax(-1) @ v)
    torch.testing.assert_close(fused_attention(q, k, v), logits.softmax(-1) @ v)


def test_position_encoding_is_that_of_224_pixels():
    model = CAT(TINY_CAT, out_indices=(0,)).eval()
    position = model.stages[0].embed.position
    tokens = torch.randn(1, 224, 224, 3)
    without = model.stages[0].embed(tokens) - position.permute(0, 2, 3, 1)
    torch.nn.init.zeros_(position)
    torch.testing.assert_close(model.stages[0].embed(tokens), without)


def official_classifier(variant):
    """The names and shapes of an official classifier: one norm, a head, the position encoding as a row of tokens."""
    weights = {name: value for name, value in golden_weights(f'CAT-{variant}').items() if not name.startswith('norm')}
    channels = weights['ape'].shape[1] * 8
    weights |= {'norm.weight': torch.rand(channels), 'norm.bias': torch.rand(channels)}
    weights |= {'head.weight': torch.rand(1000, channels), 'head.bias': torch.rand(1000)}
    buffer = 'layers.0.pre_ipsa_blocks.0.attn.relative_position_index'
    return weights | {'ape': weights['ape'].flatten(2).transpose(1, 2), buffer: torch.zeros(49, 49)}


def test_official_classifiers_load_as_pretrained(tmp_path):
    weights = official_classifier('T')
    torch.save(dict(model=weights), tmp_path / 'cat.pth')
    init_cfg = dict(type='Pretrained', checkpoint=str(tmp_path / 'cat.pth'))
    model = CAT('tiny', init_cfg=init_cfg)
    model.init_weights()
    assert torch.equal(model.norm3.weight, weights['norm.weight'])
    assert torch.equal(model.stages[2].blocks[4].attn.qkv.weight, weights['layers.2.cpsa_blocks.1.attn.qkv.weight'])
    expected = golden_weights('CAT-T')
    assert torch.equal(model.stages[0].embed.position, expected['ape'])
    gray = CAT('tiny', in_channels=1, out_indices=(0,), init_cfg=init_cfg)
    gray.init_weights()
    torch.testing.assert_close(
        gray.stages[0].embed.convs[0].weight, weights['patch_embed.proj.weight'].sum(1, keepdim=True)
    )


@pytest.mark.parametrize('prefix', ['backbone.', 'module.backbone.'])
def test_official_detectors_load_as_pretrained(tmp_path, prefix):
    weights = golden_weights('CAT-T')
    state = {prefix + name: value for name, value in weights.items()} | {'neck.conv.weight': torch.ones(1)}
    torch.save(dict(state_dict=state), tmp_path / 'cat.pth')
    model = CAT('tiny', init_cfg=dict(type='Pretrained', checkpoint=str(tmp_path / 'cat.pth')))
    model.init_weights()
    assert all(torch.equal(value, model.state_dict()[name]) for name, value in convert_official(weights).items())


@pytest.mark.parametrize(
    ('kind', 'arch', 'variant', 'message'),
    [
        (CAT, 'small', 'CAT-T', r'cat\.pth does not fit: \d+ of 250 parameters, such as stages.0.embed.position'),
        (CAT, 'tiny', 'T', r'cat\.pth does not fit: .* is missing in the file'),
        (CrossFormer, 'tiny', 'CAT-T', r'cat\.pth does not fit: 302 of 444 parameters'),
    ],
)
def test_files_of_another_model_raise(tmp_path, kind, arch, variant, message):
    torch.save(dict(model=golden_weights(variant)), tmp_path / 'cat.pth')
    model = kind(arch, init_cfg=dict(type='Pretrained', checkpoint=str(tmp_path / 'cat.pth')))
    with pytest.raises(ValueError, match=message):
        model.init_weights()


def test_foreign_names_are_an_error():
    weights = golden_weights('CAT-T') | {'layers.0.blocks.0.attn.qkv.weight': torch.ones(1)}
    with pytest.raises(ValueError, match=r'1 of 251 names .* official CAT checkpoint: layers\.0\.blocks'):
        convert_official(weights)


@pytest.mark.parametrize('kind', ['detector', 'classifier'])
def test_official_names_and_back(kind):
    weights = golden_weights('CAT-T') if kind == 'detector' else official_classifier('T')
    back = to_official(convert_official(weights))
    expected = {name: value for name, value in weights.items() if not name.endswith('index')}
    assert back.keys() == expected.keys()
    assert all(torch.equal(back[name], value) for name, value in expected.items())


@pytest.mark.parametrize(
    ('kwargs', 'error', 'words'),
    [
        (dict(arch='large'), ValueError, "arch must be one of tiny, small, base or a dict, got 'large'"),
        (
            dict(arch=dict(TINY_CAT, cooling=True)),
            ValueError,
            "arch has unknown 'cooling'; its keys are embed_dims, depths",
        ),
        (dict(arch=dict(TINY_CAT, num_heads=(3, 2, 4, 8))), ValueError, r'num_heads\[0\] must divide the 16 channels'),
        (dict(with_cp=1), TypeError, 'with_cp must be True or False, got 1'),
        (dict(frozen_stages=4), ValueError, 'frozen_stages must be an integer from -1'),
        (dict(drop_path_rate=1), ValueError, 'drop_path_rate must be a number in'),
        (dict(group_size=(7, 7, 7, 7)), TypeError, 'group_size'),
    ],
)
def test_mistakes_are_told(kwargs, error, words):
    with pytest.raises(error, match=words):
        CAT(**kwargs)


def test_depth_of_every_parameter():
    model = CAT(TINY_CAT)
    depths = {name: model.get_layer_depth(f'backbone.{name}', 'backbone.') for name in model.state_dict()}
    assert depths['stages.0.embed.position'] == (0, 17)
    assert depths['stages.0.blocks.2.attn.pos_bias.table'] == (3, 17)
    assert depths['stages.1.embed.reduction.weight'] == (4, 17)
    assert depths['stages.3.blocks.2.mlp.fc2.bias'] == (15, 17)
    assert depths['norm3.weight'] == (16, 17)
