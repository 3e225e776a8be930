"""Where both scopes of long distance attention are the same function, and which configs train there."""

import json
from dataclasses import replace
from pathlib import Path

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given, settings

from mmcrossformer import ARCHS, CrossFormer
from mmcrossformer.config.read import read_config
from mmcrossformer.models.attention import LDA_SCOPES, GroupRule

ROOT = Path(__file__).parents[2]
CONFIGS = ROOT / 'configs'
DIGITS = sorted(path.stem for path in CONFIGS.glob('*crossformer_t*_digits.py'))
PUBLISHED_IN_MAP = ('tiny', 'small', 'base', 'large')


def groups(rule, height, width):
    """Rows of each row's group and columns of each column's: all of a grouping, since axes are independent."""
    grouping = rule(height, width)
    rows = [grouping.group_of(row, 0)[0] for row in range(height)]
    return rows, [grouping.group_of(0, col)[1] for col in range(width)]


def agree(rule, height, width):
    """Whether a block attends in the same groups in both scopes. The same groups are the same function: offsets count
    places of a group."""
    first, second = (groups(replace(rule, scope=scope), height, width) for scope in LDA_SCOPES)
    return first == second


def stages_that_agree(backbone, height, width):
    """Whether all blocks of each stage do, on an image of so many pixels."""
    found = []
    for i, stage in enumerate(backbone.stages):
        sides = [-(-side // (4 * 2**i)) for side in (height, width)]
        found.append(all(agree(rule, *sides) for rule in {block.attn.rule for block in stage.blocks}))
    return found


def on_paper(**options):
    """A backbone without memory for its weights."""
    with torch.device('meta'):
        return CrossFormer(**options)


class TestWhere:
    """The statement of docs/faq.md, for the groups of fewer than 23 tokens a side."""

    @settings(max_examples=1000, deadline=None, derandomize=True, database=None)
    @given(st.data())
    def test_groups_agree(self, data):
        side = st.integers(1, 60)
        height, width = data.draw(side), data.draw(side)
        if data.draw(st.integers(0, 3)) == 0:
            width = height
        # 0 is the adaptive interval.
        size, interval, long_distance = (
            data.draw(drawn) for drawn in (st.integers(1, 22), st.integers(0, 5), st.booleans())
        )
        short, long = sorted((height, width))
        small, adaptive = short <= size, interval == 0
        expected = height == width if small else not long_distance or adaptive or long <= size * interval
        assert agree(GroupRule(size, interval, long_distance, 'map'), height, width) is expected

    @pytest.mark.parametrize(
        ('size', 'interval', 'sides', 'expected'),
        [
            (7, 8, (56, 56), True),
            (7, 8, (57, 57), False),
            (7, 8, (8, 56), True),
            (7, 8, (8, 57), False),
            (7, 2, (7, 7), True),
            (7, 2, (7, 8), False),
            (7, 0, (8, 300), True),
            (7, 0, (7, 300), False),
        ],
    )
    def test_long_distance_at_the_borders(self, size, interval, sides, expected):
        for height, width in (sides, sides[::-1]):
            assert agree(GroupRule(size, interval, long_distance=True, scope='map'), height, width) is expected

    @pytest.mark.parametrize('arch', PUBLISHED_IN_MAP)
    def test_published_variants(self, arch):
        backbone = on_paper(arch=arch)
        assert backbone.arch.lda_scope == 'map'
        for side in range(1, 225):
            assert all(stages_that_agree(backbone, side, side)), side
        assert not all(stages_that_agree(backbone, 256, 256))
        assert stages_that_agree(backbone, 160, 224) == [True, True, True, False]  # the last map has 5 x 7 tokens
        # Stages of one block have no long distance attention.
        depths = ARCHS[arch].depths
        assert stages_that_agree(backbone, 512, 512) == [depth == 1 for depth in depths]

    @pytest.mark.parametrize('arch', [arch for arch in ARCHS if arch not in PUBLISHED_IN_MAP])
    def test_plus_plus_differs_on_imagenet(self, arch):
        backbone = on_paper(arch=arch)
        assert backbone.arch.lda_scope == 'block'
        assert stages_that_agree(backbone, 224, 224) == [False, False, True, True]

    @pytest.mark.parametrize('size', [(512, 512), (800, 1333)])
    @pytest.mark.parametrize('arch', PUBLISHED_IN_MAP)
    def test_adaptive_interval(self, arch, size):
        assert all(stages_that_agree(on_paper(arch=arch, adaptive_interval=True), *size))
        assert not all(stages_that_agree(on_paper(arch=arch), *size))


class TestOutputs:
    """What the groups say holds for the numbers, and where they say otherwise, outputs differ."""

    @pytest.fixture
    def pair(self):
        """Builds a backbone in each scope, with the same weights."""

        def build(**options):
            arch = dict(embed_dims=16, depths=(2, 2, 2, 2), num_heads=(1, 2, 4, 8))
            arch |= dict(group_size=(7, 7, 7, 7), interval=(8, 4, 2, 1))
            first, second = (CrossFormer(arch, lda_scope=scope, **options).double().eval() for scope in LDA_SCOPES)
            # As large as trained ones, where attention matters.
            for parameter in first.parameters():
                torch.nn.init.normal_(parameter, std=parameter[0].numel() ** -0.5 if parameter.dim() > 1 else 0.5)
            second.load_state_dict(first.state_dict())
            return first, second

        return build

    def differences(self, pair, height, width):
        """The largest difference of each output, relative to the largest value."""
        image = torch.randn(1, 3, height, width, dtype=torch.float64)
        with torch.no_grad():
            outputs = zip(*(backbone(image) for backbone in pair), strict=True)
            return [((a - b).abs().max() / a.abs().max()).item() for a, b in outputs]

    @pytest.mark.parametrize('size', [(224, 224), (96, 96), (31, 31), (130, 120)])
    def test_equal(self, pair, size):
        first, second = pair()
        equal = stages_that_agree(first, *size)
        assert equal == ([True, True, True, False] if size == (130, 120) else [True] * 4)
        for stage, difference in enumerate(self.differences((first, second), *size)):
            assert (difference < 1e-12) is equal[stage]

    @pytest.mark.parametrize('size', [(256, 384), (225, 225)])
    def test_equal_with_adaptive_interval(self, pair, size):
        assert max(self.differences(pair(adaptive_interval=True), *size)) < 1e-12

    def test_scopes_differ_on_large_maps(self, pair):
        assert min(self.differences(pair(), 512, 512)) > 0.01


@pytest.mark.parametrize(
    ('size', 'expected'),
    [
        ((512, 512), [1.9, 1.0, 0.3, 0.4, 22]),
        ((800, 1280), [29.2, 15.4, 1.3, 3.2, 86]),
        ((2667, 3000), [1791, 945, 10.9, 30.2, 678]),
    ],
)
def test_costs_of_the_scopes(size, expected):
    """Multiply-adds of the blocks of CrossFormer-S, in G, as the table of docs/faq.md has them."""
    settings = dict(g7=((7, 7, 7, 7), (8, 4, 2, 1)), g14=((14, 14, 7, 7), (16, 8, 2, 1)))
    far, rest = {}, {}
    for scope in LDA_SCOPES:
        for name, (group_size, interval) in settings.items():
            backbone = on_paper(arch='small', group_size=group_size, interval=interval, lda_scope=scope)
            far[scope, name], rest[scope, name] = (cost / 1e9 for cost in costs_of_blocks(backbone, *size))
    assert rest['map', 'g7'] == rest['block', 'g7']
    counted = [*(far[scope, name] for scope in LDA_SCOPES for name in settings), rest['map', 'g7']]
    assert counted == pytest.approx(expected, rel=0.01, abs=0.05)


def costs_of_blocks(backbone, height, width):
    """Multiply-adds of the products over pairs of tokens in long distance groups, and of all else in the blocks."""
    far = rest = 0
    for i, stage in enumerate(backbone.stages):
        h, w = (-(-side // (4 * 2**i)) for side in (height, width))
        for block in stage.blocks:
            channels, grouping = block.attn.proj.in_features, block.attn.rule(h, w)
            rows, cols = (sum(run.regions * run.phases * run.members**2 for run in runs) for runs in grouping.runs)
            pairs = 2 * channels * rows * cols
            far += pairs if block.attn.rule.long_distance else 0
            # Queries, keys, values and the projection; an MLP that is four times as wide.
            rest += (4 + 8) * channels**2 * h * w + (0 if block.attn.rule.long_distance else pairs)
    return far, rest


def sizes_of(pipeline):
    """Heights and widths, which are equal, that a pipeline gives the square pictures of the digits."""
    found = set()
    for step in pipeline:
        if step['type'] == 'MultiView':
            found |= set().union(*map(sizes_of, step['transforms']))
        elif step['type'] in ('Resize', 'RandomCrop'):
            size = step.get('scale', step.get('crop_size'))
            found |= {size} if isinstance(size, int) else set(size)
    return found


def options_of(cfg):
    """Arguments of the backbone of a config."""
    return {key: value for key, value in cfg.model.backbone.items() if key != 'type'}


class TestConfigs:
    """Which figures do not depend on the scope: docs/digits.md, docs/comparison.md, docs/resolutions.md."""

    def test_there_are_five(self):
        assert len(DIGITS) == 5

    @pytest.mark.parametrize('name', DIGITS)
    def test_scopes_agree_on_the_digits(self, name):
        cfg = read_config(CONFIGS / f'{name}.py')
        options = options_of(cfg)
        assert options.get('lda_scope', 'map') == 'map'
        sizes = sizes_of(cfg.train_pipeline) | sizes_of(cfg.test_pipeline)
        assert sizes == ({56, 40, 32} if 'multires' in name else {56} if name.startswith('crossformer') else {112})
        for size in sizes:
            assert all(stages_that_agree(on_paper(**options), size, size)), size

    @pytest.mark.parametrize('name', ['crossformer_t_digits', 'crossformer_t_multires_digits'])
    def test_scopes_agree_at_all_resolutions_of_the_page(self, name):
        """They do up to 112 pixels: larger pictures have more than 7 x 7 tokens at stage 3, where I = 1."""
        backbone = on_paper(**options_of(read_config(CONFIGS / f'{name}.py')))
        sweep = json.loads((ROOT / f'docs/resolutions/{name}.json').read_text())
        assert max(point['size'] for point in sweep['points']) == 112
        for size in range(1, 113):
            assert all(stages_that_agree(backbone, size, size)), size
        assert not all(stages_that_agree(backbone, 113, 113))

    def test_scopes_differ_on_own_data(self):
        """Photographs of 640 x 480 pixels, as those of docs/own_data.md, are seen at 256 x 192."""
        cfg = read_config(CONFIGS / 'retinanet_crossformer_t_256px_coco.py')
        assert sizes_of(cfg.test_pipeline) == {256}
        options = options_of(cfg)
        assert stages_that_agree(on_paper(**options), 192, 256) == [True, True, False, False]
