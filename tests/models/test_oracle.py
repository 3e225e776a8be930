"""The fast path against loops over tokens, on random shapes, group sizes and intervals."""

import random

import pytest
import torch
from oracle import attention as oracle_attention
from oracle import forward as oracle_forward
from oracle import group_members
from tiers import sampled

from mmcrossformer import CrossFormer
from mmcrossformer.checkpoint import convert_official
from mmcrossformer.models.attention import LDA_SCOPES, GroupAttention, GroupRule
from mmcrossformer.models.attention.grouping import split_axis
from mmcrossformer.models.layers import DynamicPositionBias


def random_grouping(seed):
    """Map sides and a rule; every fifth map is elongated."""
    rng = random.Random(seed)
    height, width = rng.randint(1, 23), rng.randint(1, 23)
    if seed % 5 == 0:
        height, width = rng.choice(
            [(rng.randint(1, 4), rng.randint(300, 1200)), (rng.randint(300, 1200), rng.randint(1, 4))]
        )
    return height, width, GroupRule(rng.randint(1, 9), rng.randint(1, 5), rng.random() < 0.6, rng.choice(LDA_SCOPES))


@pytest.mark.parametrize('seed', sampled(range(60), fast=range(30)))
def test_groups_are_those_of_the_definition(seed):
    height, width, rule = random_grouping(seed)
    # Each token carries its own number.
    numbers = torch.arange(height * width).reshape(height, width)
    found = {}
    row_runs, col_runs = rule(height, width).runs
    for rows in row_runs:
        for cols in col_runs:
            groups = split_axis(split_axis(numbers, 0, rows), 2, cols)  # [R, m, R', m', p, p']
            for members in groups.permute(0, 4, 2, 5, 1, 3).flatten(4).flatten(0, 3).tolist():
                places = [divmod(number, width) for number in members]
                assert not found.keys() & set(places)
                found.update(dict.fromkeys(places, places))
    assert len(found) == height * width
    rng = random.Random(seed)
    for _ in range(10):
        row, col = rng.randrange(height), rng.randrange(width)
        assert found[row, col] == oracle_members(height, width, row, col, rule)
        rows, cols = rule(height, width).group_of(row, col)
        assert found[row, col] == [(r, c) for r in rows for c in cols]


def oracle_members(height, width, row, col, rule):
    return group_members(height, width, row, col, **oracle_rule(rule))


def oracle_rule(rule):
    return dict(group_size=rule.size, interval=rule.interval, long_distance=rule.long_distance, scope=rule.scope)


@pytest.mark.parametrize('path', ['training', 'inference', 'strips'])
@pytest.mark.parametrize('seed', sampled(range(25), fast=range(10)))
def test_attention_equals_the_oracle(seed, path, request):
    if path == 'strips':
        request.getfixturevalue('in_strips')
    height, width, rule = random_grouping(seed + 1 if seed % 5 == 0 else seed)
    layer = GroupAttention(32, 4, rule, DynamicPositionBias(2, 4)).double()
    for p in layer.parameters():
        torch.nn.init.normal_(p, std=0.3)
    x = torch.randn(2, height, width, 32, dtype=torch.float64)
    official = official_attention_names(layer.state_dict())
    with torch.set_grad_enabled(path == 'training'):
        out = layer(x)
    for image, result in zip(x, out, strict=True):
        expected = oracle_attention(image, official, heads=4, **oracle_rule(rule))
        torch.testing.assert_close(result.detach(), expected, rtol=1e-10, atol=1e-10)


def official_attention_names(state):
    names = {'pos_bias.proj': 'pos.pos_proj'}
    for i in range(3):
        for j in (0, 2):
            names[f'pos_bias.layers.{i}.{j}'] = f'pos.pos{i + 1}.{j}'
    out = {}
    for name, value in state.items():
        stem, kind = name.rsplit('.', 1)
        out[f'{names.get(stem, stem)}.{kind}'] = value
    return out


@pytest.mark.parametrize('seed', sampled(range(10), fast=range(1, 6)))
def test_gradients_do_not_depend_on_the_strips(seed, request):
    height, width, rule = random_grouping(seed)
    layer = GroupAttention(32, 4, rule, DynamicPositionBias(2, 4)).double()
    x, cotangent = torch.randn(2, 2, height, width, 32, dtype=torch.float64)
    inputs = [x.requires_grad_(), *layer.parameters()]
    whole = torch.autograd.grad((layer(x) * cotangent).sum(), inputs)
    request.getfixturevalue('in_strips')
    pieces = torch.autograd.grad((layer(x) * cotangent).sum(), inputs)
    torch.testing.assert_close(pieces, whole, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(
    ('height', 'width', 'options'),
    [
        (37, 75, {}),
        (1, 1, {}),
        (4, 150, {}),
        (101, 66, dict(adaptive_interval=True)),
        (64, 96, dict(group_size=((3,), (2, 5), (1, 2, 3, 4), (2, 7)), interval=((4,), (1, 3), (2, 2, 1, 2), (1, 1)))),
    ],
)
@pytest.mark.parametrize('scope', LDA_SCOPES)
@pytest.mark.parametrize('path', ['training', 'inference', 'strips'])
def test_backbone_equals_the_oracle(tiny_arch, height, width, options, path, scope, request):
    if path == 'strips':
        request.getfixturevalue('in_strips')
    model = CrossFormer(tiny_arch, lda_scope=scope, **options).double().eval()
    for p in model.parameters():
        if p.dim() > 1:
            torch.nn.init.normal_(p, std=p[0].numel() ** -0.5)
        else:
            torch.nn.init.normal_(p, mean=p.mean().item(), std=0.1)
    image = torch.randn(1, 3, height, width, dtype=torch.float64)
    expected = oracle_forward(
        official_backbone_names(model.state_dict()),
        image[0],
        depths=tiny_arch['depths'],
        heads=tiny_arch['num_heads'],
        group_size=options.get('group_size', tiny_arch['group_size']),
        interval=options.get('interval', tiny_arch['interval']),
        cooling=True,
        scope=scope,
        adaptive_interval=options.get('adaptive_interval', False),
    )
    with torch.set_grad_enabled(path == 'training'):
        outputs = model(image)
    for output, reference in zip(outputs, expected, strict=True):
        torch.testing.assert_close(output[0].detach(), reference, rtol=1e-9, atol=1e-9)


def official_backbone_names(state):
    """Inverts `convert_official` by trying every official name that this model can have."""
    official = []
    for stage in range(4):
        official += [f'layers.{stage}.downsample.norm', f'layers.{stage}.downsample.reductions.0']
        official += [f'layers.{stage}.downsample.reductions.1', f'patch_embed.projs.{stage}']
        for block in range(4):
            parts = [
                'norm1',
                'norm2',
                'attn.qkv',
                'attn.proj',
                'attn.pos.pos_proj',
                'mlp.fc1',
                'mlp.fc2',
                'ex_conv',
                'ex_ln',
            ]
            parts += [f'attn.pos.pos{i}.{j}' for i in (1, 2, 3) for j in (0, 2)]
            official += [f'layers.{stage}.blocks.{block}.{part}' for part in parts]
    names = [f'{stem}.{kind}' for stem in (*official, 'patch_embed.norm') for kind in ('weight', 'bias')]
    old_name = convert_official({name: name for name in names})
    return {old_name[name]: value for name, value in state.items()}
