"""Variants, their checks and the group size schedules."""

import pytest
import torch
from tiers import sampled
from torch.utils.flop_counter import FlopCounterMode

from mmcrossformer import ARCHS, CrossFormer, progressive_group_sizes

# Millions of parameters of the classifiers.
PUBLISHED = {
    'tiny': 27.777,
    'small': 30.657,
    'base': 51.972,
    'large': 91.971,
    'pp-small': 23.325,
    'pp-base': 51.995,
    'pp-large': 92.002,
    'pp-huge': 95.963,
}


@pytest.mark.parametrize('arch', ARCHS)
def test_parameter_count_of_the_classifier(arch):
    with torch.device('meta'):
        model = CrossFormer(arch, out_indices=(3,), out_norm=True)
        head = torch.nn.Linear(model.out_channels[-1], 1000)
    count = sum(p.numel() for module in (model, head) for p in module.parameters())
    assert round(count / 1e6, 3) == PUBLISHED[arch]


# Giga multiply-adds of the classifiers at 224 x 224, as README.md gives them.
MACS = {
    'tiny': 2.86,
    'small': 4.91,
    'base': 9.16,
    'large': 16.11,
    'pp-small': 4.39,
    'pp-base': 9.51,
    'pp-large': 16.59,
    'pp-huge': 21.60,
}


@pytest.mark.parametrize('arch', sampled(ARCHS, fast=['tiny', 'base', 'pp-small']))
def test_multiply_adds_of_the_classifier(arch):
    with torch.device('meta'):
        model = CrossFormer(arch, out_indices=(3,), out_norm=True).eval()
        head = torch.nn.Linear(model.out_channels[-1], 1000)
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            head(model(torch.zeros(1, 3, 224, 224))[0].mean((2, 3)))
    assert round(counter.get_total_flops() / 2e9, 2) == MACS[arch]


def test_every_variant_is_counted():
    assert ARCHS.keys() == PUBLISHED.keys() == MACS.keys()


@pytest.mark.parametrize(
    ('kwargs', 'error', 'words'),
    [
        (dict(arch='medium'), ValueError, ['arch', "'medium'", 'small', 'pp-huge']),
        (dict(arch=None), TypeError, ['arch', 'None', 'dict']),
        (dict(arch=dict(embed_dims=16, depths=(1, 1, 1, 1))), ValueError, ["no 'num_heads'", 'embed_dims']),
        (
            dict(arch=dict(embed_dims=16, depths=(1, 1, 1, 1), num_heads=(1, 1, 1, 1), mlp_ratio=4)),
            ValueError,
            ["unknown 'mlp_ratio'", 'cooling'],
        ),
        (
            dict(arch=dict(embed_dims=24, depths=(1, 1, 1, 1), num_heads=(1, 1, 1, 1))),
            ValueError,
            ['embed_dims', '24', '16'],
        ),
        (dict(arch=dict(embed_dims=16, depths=(1, 1), num_heads=(1, 1, 1, 1))), ValueError, ['depths', '(1, 1)', '4']),
        (
            dict(arch=dict(embed_dims=16, depths=(1, 0, 1, 1), num_heads=(1, 1, 1, 1))),
            ValueError,
            ['depths', '(1, 0, 1, 1)'],
        ),
        (
            dict(arch=dict(embed_dims=16, depths=(1, 1, 1, 1), num_heads=(3, 1, 1, 1))),
            ValueError,
            ['num_heads[0]', '16', '3'],
        ),
        (
            dict(arch=dict(embed_dims=16, depths=(1, 1, 1, 1), num_heads=(1, 1, 1, 1), cooling='yes')),
            TypeError,
            ['cooling', "'yes'"],
        ),
        (dict(in_channels=0), ValueError, ['in_channels', '0', 'positive']),
        (dict(group_size=(7, 7, 7)), ValueError, ['group_size', '(7, 7, 7)', '4']),
        (dict(group_size=7), ValueError, ['group_size', '7', '4']),
        (dict(group_size=(7, 7, (7, 7), 7)), ValueError, ['group_size', 'depths (2, 2, 6, 2)']),
        (dict(interval=(8, 4, 2, 0)), ValueError, ['interval', '(8, 4, 2, 0)', 'positive']),
        (dict(interval=(8, 4, 2.0, 1)), ValueError, ['interval', '2.0', 'integer']),
        (dict(lda_scope='window'), ValueError, ['lda_scope', "'map' or 'block'", "'window'"]),
        (
            dict(arch=dict(embed_dims=16, depths=(1, 1, 1, 1), num_heads=(1, 1, 1, 1), lda_scope=1)),
            ValueError,
            ['lda_scope', "'map' or 'block'", '1'],
        ),
        (dict(adaptive_interval=1), TypeError, ['adaptive_interval', 'True or False', '1']),
        (dict(out_indices=()), ValueError, ['out_indices', '()', '[0, 1, 2, 3]']),
        (dict(out_indices=(0, 4)), ValueError, ['out_indices', '(0, 4)']),
        (dict(out_indices=(1, 0)), ValueError, ['out_indices', 'increasing']),
        (dict(out_indices=3), ValueError, ['out_indices', '3']),
        (dict(out_indices=(0, 1.0)), ValueError, ['out_indices', '1.0']),
        (dict(frozen_stages=1.0), ValueError, ['frozen_stages', '1.0']),
        (dict(drop_path_rate=1.0), ValueError, ['drop_path_rate', '[0, 1)', '1.0']),
        (dict(frozen_stages=4), ValueError, ['frozen_stages', '4', '-1', '3']),
        (dict(out_indices=(0, 1), frozen_stages=2), ValueError, ['frozen_stages', '2', '1']),
        (dict(with_cp='no'), TypeError, ['with_cp', "'no'"]),
        (dict(out_norm=None), TypeError, ['out_norm', 'None']),
        (dict(img_size=224), TypeError, ['img_size']),
    ],
)
def test_impossible_arguments_are_named(kwargs, error, words):
    with torch.device('meta'), pytest.raises(error) as caught:
        CrossFormer(**kwargs)
    for word in words:
        assert word in str(caught.value)


def test_scope_by_default():
    scopes = {name: arch.lda_scope for name, arch in ARCHS.items()}
    assert scopes == {name: 'block' if name.startswith('pp-') else 'map' for name in ARCHS}
    with torch.device('meta'):
        fields = dict(embed_dims=16, depths=(1, 1, 1, 1), num_heads=(1, 1, 1, 1))
        assert CrossFormer(fields).arch.lda_scope == 'map'
        assert CrossFormer(dict(fields, lda_scope='block')).arch.lda_scope == 'block'
        assert CrossFormer('pp-small', lda_scope='map').arch.lda_scope == 'map'


def test_overrides_do_not_shape_the_weights(tiny_arch):
    plain = CrossFormer(tiny_arch)
    routed = CrossFormer(tiny_arch, group_size=((2,), (4, 5), (6, 7, 2, 3), (3, 3)), interval=(1, 2, 3, 4))
    routed.load_state_dict(plain.state_dict(), strict=True)


def test_constant_schedule_of_the_paper():
    assert progressive_group_sizes('7_14', (2, 2, 18, 2)) == ((4, 4), (4, 4), (7,) * 4 + (14,) * 14, (7, 7))


def test_linear_schedule():
    # 24 blocks; the fraction starts at 4/56 and grows by (1 - 4/56) / 24 a block.
    assert progressive_group_sizes('linear', (2, 2, 18, 2)) == (
        (4, 7),
        (5, 6),
        (4, 4, 5, 5, 6, 6, 7, 7, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13),
        (7, 7),
    )


def test_schedules_that_divide_the_map():
    linear_div = progressive_group_sizes('linear_div', (2, 2, 18, 2))
    assert linear_div[2] == (4, 4, 5, 5, 6, 6, 7, 7, *(7,) * 5, *(14,) * 5)
    assert linear_div[3] == (7, 7)
    alter = progressive_group_sizes('alter', (2, 2, 18, 2))
    assert alter[2] == (4, 4, 5, 5, 6, 6, 7, 7, 7, 14, 7, 14, 7, 14, 7, 14, 7, 14)
    assert alter[3] == (7, 7)


def test_deep_early_stages_reach_the_whole_map():
    sizes = progressive_group_sizes('linear_div', (1, 20, 2, 2))
    assert max(sizes[1]) == 28
    assert all(size <= 14 or size == 28 for size in sizes[1])


@pytest.mark.parametrize('schedule', ['linear', 'linear_div', 'alter', '7_14'])
def test_schedules_build(schedule):
    with torch.device('meta'):
        model = CrossFormer('pp-small', group_size=progressive_group_sizes(schedule, ARCHS['pp-small'].depths))
    assert [len(stage.blocks) for stage in model.stages] == [2, 2, 18, 2]


def test_unknown_schedule():
    with pytest.raises(ValueError, match='schedule must be one of linear, linear_div, alter, 7_14'):
        progressive_group_sizes('cosine', (2, 2, 18, 2))
    with pytest.raises(ValueError, match='depths must be 4 positive integers'):
        progressive_group_sizes('linear', (2, 2))
