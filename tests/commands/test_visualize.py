"""Groups of single tokens, the attention in them, the pictures, and mmcrossformer visualize."""

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from inputs import EXAMPLES, crossformers, for_all
from matplotlib.colors import to_rgb
from PIL import Image
from quick import CONFIGS
from tiers import sampled
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from mmcrossformer import CrossFormer
from mmcrossformer.apis.prediction import Prediction
from mmcrossformer.apis.predictor import Predictor
from mmcrossformer.apis.thresholds import Thresholds
from mmcrossformer.models.attention import LDA_SCOPES, GroupAttention, Grouping, GroupRule
from mmcrossformer.models.attention.grouping import relative_offsets
from mmcrossformer.models.layers import DynamicPositionBias
from mmcrossformer.utils.errors import UserError
from mmcrossformer.visual import Placement, draw_groups, draw_position_bias, draw_predictions, draw_pyramid, probe
from mmcrossformer.visual.filters import filter_picture
from mmcrossformer.visual.probe import attention_weights, bias_table, last_blocks
from mmcrossformer.visual.pyramid import principal_component
from mmcrossformer.visual.style import COLOURS, save

DETECTOR, SEGMENTER = 'mask_rcnn_crossformer_t_digits', 'upernet_crossformer_t_digits'
CLASSIFIER = 'crossformer_t_digits'
ALL = ['predictions', 'pyramid', 'groups', 'bias', 'filters']


class TestGroupOf:
    @settings(max_examples=200, deadline=None, derandomize=True, database=None)
    @given(st.data())
    def test_members_are_those_of_the_definition(self, data):
        height, width = data.draw(st.integers(1, 40)), data.draw(st.integers(1, 40))
        size = data.draw(st.tuples(st.integers(1, 9), st.integers(1, 9)))
        interval = data.draw(st.tuples(st.integers(1, 5), st.integers(1, 5)))
        row, col = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
        rows, cols = Grouping(height, width, size, interval).group_of(row, col)

        def together(a, b, size, interval):
            """Same region of size * interval rows, same phase in it."""
            region = size * interval
            return a // region == b // region and a % region % interval == b % region % interval

        assert [*rows] == [r for r in range(height) if together(r, row, size[0], interval[0])]
        assert [*cols] == [c for c in range(width) if together(c, col, size[1], interval[1])]

    @pytest.mark.parametrize('scope', LDA_SCOPES)
    def test_every_token_of_a_group_has_the_same_group(self, scope):
        grouping = GroupRule(3, interval=2, long_distance=True, scope=scope)(7, 11)
        for row in range(7):
            for col in range(11):
                rows, cols = grouping.group_of(row, col)
                assert all(grouping.group_of(r, c) == (rows, cols) for r in rows for c in cols)

    @pytest.mark.parametrize('place', [(-1, 0), (4, 0), (0, 5), (0, -1)])
    def test_places_outside(self, place):
        with pytest.raises(ValueError, match='the map has 4 x 5 tokens'):
            Grouping(4, 5, (2, 2), (1, 1)).group_of(*place)


def seen(backbone, image, place):
    """Input and output of the attention of a block, in a plain forward."""
    found = []
    attention = backbone.stages[place[0]].blocks[place[1]].attn
    handle = attention.register_forward_hook(lambda _, inputs, output: found.append((inputs[0], output)))
    with torch.no_grad():
        backbone(image)
    handle.remove()
    return attention, *found[0]


class Largest(TorchDispatchMode):
    """Notes the size of the largest tensor that an operator returns."""

    numel = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        tensors = [leaf for leaf in tree_leaves(result) if isinstance(leaf, torch.Tensor)]
        self.numel = max([self.numel, *(tensor.numel() for tensor in tensors)])
        return result


class TestProbe:
    @EXAMPLES
    def test_weights_times_values_are_the_output_of_the_layer(self, examples):
        @for_all(examples, crossformers(), st.data())
        def check(model, data):
            model.eval()
            # The position bias of fresh weights is next to nothing.
            for parameter in (p for name, p in model.named_parameters() if 'pos_bias' in name and p.dim() == 2):
                torch.nn.init.normal_(parameter)
            height, width = data.draw(st.tuples(st.integers(1, 150), st.integers(1, 150)))
            pixel = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
            image = torch.randn(1, model.in_channels, height, width)
            places = [(i, j) for i, stage in enumerate(model.stages) for j in range(len(stage.blocks))]
            for token in probe(model, image, pixel, places):
                attention, x, output = seen(model, image, (token.stage, token.block))
                assert tuple(x.shape[1:3]) == token.map_size
                assert token.query == (pixel[0] // token.stride, pixel[1] // token.stride)
                assert (token.rows, token.cols) == attention.rule(*token.map_size).group_of(*token.query)
                torch.testing.assert_close(token.weights.sum((1, 2)), torch.ones(attention.num_heads))
                values = attention.qkv(x)[0].chunk(3, -1)[2].unflatten(-1, (attention.num_heads, -1))
                values = values[list(token.rows)][:, list(token.cols)]
                with torch.no_grad():
                    summed = attention.proj(torch.einsum('hrc,rchd->hd', token.weights, values).flatten())
                torch.testing.assert_close(summed, output[0][token.query], rtol=1e-5, atol=1e-5)

    def test_memory_is_linear_in_the_tokens_of_a_group(self):
        """A click in the page looks at groups of thousands of tokens: those of a photograph, at I = 1."""
        height, width, dim, num_heads = 50, 84, 32, 2
        rule = GroupRule(7, interval=1, long_distance=True, scope='map')
        attention = GroupAttention(dim, num_heads, rule, DynamicPositionBias(4, num_heads))
        with torch.no_grad(), Largest() as largest:
            weights = attention_weights(attention, torch.randn(height, width, dim), (20, 30))
        assert weights.shape == (num_heads, height, width)
        # Queries, keys and values of the group, or the hidden layers of the biases of four times as many offsets.
        assert 3 * dim * height * width <= largest.numel <= 4 * dim * height * width

    def test_default_blocks(self, tiny_arch):
        backbone = CrossFormer(tiny_arch).eval()
        assert last_blocks(backbone) == [(0, 0), (1, 0), (1, 1), (2, 2), (2, 3), (3, 0), (3, 1)]
        tokens = probe(backbone, torch.randn(1, 3, 45, 130), (44, 129))
        assert [(token.stage, token.block) for token in tokens] == last_blocks(backbone)
        assert [token.long_distance for token in tokens] == [False, False, True, False, True, False, True]
        assert [token.stride for token in tokens] == [4, 8, 8, 16, 16, 32, 32]
        assert tokens[3].name == 'stage 3, block 3 (SDA)'

    def test_nothing_stays_behind(self, tiny_arch):
        backbone, image = CrossFormer(tiny_arch).eval(), torch.randn(1, 3, 40, 40)
        with torch.no_grad():
            before = backbone(image)
        probe(backbone, image, (0, 0))
        assert not any(module._forward_pre_hooks or module._forward_hooks for module in backbone.modules())
        with torch.no_grad():
            assert all(torch.equal(a, b) for a, b in zip(before, backbone(image), strict=True))

    @pytest.mark.parametrize(
        ('shape', 'pixel', 'blocks', 'message'),
        [
            ((2, 3, 32, 32), (0, 0), None, 'the image must have shape'),
            ((1, 3, 32, 40), (32, 0), None, 'is outside the image of 32 x 40 pixels'),
            ((1, 3, 32, 40), (0, -1), None, 'is outside the image'),
            ((1, 3, 32, 32), (0, 0), [(0, 1)], r'there is no block 1 of stage 0: the stages have \[1, 2, 4, 2\]'),
        ],
    )
    def test_mistakes(self, tiny_arch, shape, pixel, blocks, message):
        with pytest.raises(ValueError, match=message):
            probe(CrossFormer(tiny_arch).eval(), torch.zeros(shape), pixel, blocks)

    def test_training_mode(self, tiny_arch):
        with pytest.raises(ValueError, match='in training mode'):
            probe(CrossFormer(tiny_arch).train(), torch.zeros(1, 3, 32, 32), (0, 0))


def placed(height, width):
    """A grey image that a backbone sees as it is."""
    image = np.full((height, width, 3), 128, np.uint8)
    return Placement(image, (height, width), (height, width), (1.0, 1.0), (0, 0))


def pixels(figure, tmp_path, **options):
    """The picture that a figure gives, [H, W, 3]."""
    save(figure, tmp_path / 'figure.png', **options)
    return np.asarray(Image.open(tmp_path / 'figure.png').convert('RGB'))


def texts(figure):
    """All that is written on the axes of a figure and in its legends."""
    found = [text.get_text() for axis in figure.axes for text in (axis.title, *axis.texts, *axis.get_yticklabels())]
    return found + [text.get_text() for legend in figure.legends for text in legend.get_texts()]


class TestPictures:
    def test_groups_on_the_image(self, tiny_arch):
        placement = placed(64, 96)
        figure = draw_groups(placement, probe(CrossFormer(tiny_arch).eval(), torch.zeros(1, 3, 64, 96), (20, 30)))
        assert 'stage 1: no LDA block' in texts(figure)
        assert 'stage 1, block 1 (SDA)\n3 x 3 of 16 x 24 tokens' in texts(figure)
        group = figure.axes[0].collections[0]
        corners = np.concatenate([path.vertices for path in group.get_paths()])
        # Rows 3 to 5 and columns 6 to 8 of tokens of four pixels.
        assert (*corners.min(0), *corners.max(0)) == (24, 12, 36, 24)

    @pytest.mark.parametrize(('scope', 'tokens'), [('map', '4 x 6'), ('block', '3 x 3')])
    def test_long_distance_groups(self, tiny_arch, scope, tokens):
        """G = 3 and I = 2 on 8 x 12 tokens, of which the token in row 3, column 3 attends."""
        backbone = CrossFormer(tiny_arch, lda_scope=scope).eval()
        figure = draw_groups(placed(64, 96), probe(backbone, torch.zeros(1, 3, 64, 96), (24, 24), [(1, 1)]))
        assert f'stage 2, block 2 (LDA)\n{tokens} of 8 x 12 tokens' in texts(figure)
        group = figure.axes[0].collections[0]
        corners = np.concatenate([path.vertices for path in group.get_paths()])
        # Rows and columns 1, 3, 5 and so on, of eight pixels each.
        assert (*corners.min(0), *corners.max(0)) == (8, 8, *((96, 64) if scope == 'map' else (48, 48)))

    def test_bias_by_offset(self, tiny_arch):
        backbone = CrossFormer(tiny_arch)
        attention = backbone.stages[2].blocks[1].attn
        for parameter in attention.pos_bias.parameters():
            torch.nn.init.normal_(parameter)
        table = bias_table(attention, (2, 3))
        for index, (row, col) in enumerate(relative_offsets((2, 3)).tolist()):
            assert torch.equal(table[:, row + 1, col + 2], attention.pos_bias((2, 3))[:, index])
        # A map of 2 x 4 tokens, which is no larger than a group along one side.
        figure = draw_position_bias(backbone, (32, 64), [(2, 1)])
        images = [axis.images[0] for axis in figure.axes if axis.images and axis.get_label() != '<colorbar>']
        assert len(images) == 4
        limit = bias_table(attention, (2, 2)).abs().max().item()
        assert all(image.get_clim() == pytest.approx((-limit, limit)) for image in images)

    @pytest.mark.parametrize(
        ('scope', 'input_size', 'sizes'),
        [
            # Stages 1 to 4: SDA with G = 3; LDA with G and I of 3 and 2, 2 and 2, 2 and 1.
            ('map', (64, 96), [(3, 3), (4, 6), (2, 3), (2, 2)]),
            ('block', (64, 96), [(3, 3), (3, 3), (2, 2), (2, 3)]),
            ('map', (200, 420), [(3, 3), (13, 27), (7, 14), (7, 14)]),
            ('block', (200, 420), [(3, 3), (3, 3), (2, 2), (2, 2)]),
            # Whole maps, and windows of their short side.
            ('map', (8, 80), [(2, 2), (1, 1), (1, 1), (1, 1)]),
            ('block', (8, 80), [(2, 20), (1, 10), (1, 5), (1, 3)]),
        ],
    )
    def test_bias_of_the_groups_that_exist(self, tiny_arch, scope, input_size, sizes):
        backbone = CrossFormer(tiny_arch, lda_scope=scope).eval()
        figure = draw_position_bias(backbone, input_size)
        assert f'{input_size[0]} x {input_size[1]} pixels' in figure.get_suptitle()
        lines = figure.axes[::12][:4]
        for i, (axis, (rows, cols)) in enumerate(zip(lines, sizes, strict=True)):
            assert axis.images[0].get_array().shape == (2 * rows - 1, 2 * cols - 1)
            assert axis.get_ylabel().endswith(f'\n{rows} x {cols} tokens')
            (token,) = probe(
                backbone, torch.zeros(1, 3, *input_size), (0, 0), [(i, len(backbone.stages[i].blocks) - 1)]
            )
            # The first group is a largest one.
            assert (len(token.rows), len(token.cols)) == (rows, cols)

    def test_bias_of_long_groups_is_no_line(self, tiny_arch):
        figure = draw_position_bias(CrossFormer(tiny_arch, lda_scope='block'), (8, 400), [(1, 1), (2, 0)])
        axes = [axis for axis in figure.axes if axis.images]
        assert [axis.get_aspect() for axis in axes[:2]] == ['auto', 'auto']
        assert draw_position_bias(CrossFormer(tiny_arch), (64, 96), [(1, 1)]).axes[0].get_aspect() == 1

    def test_principal_component(self):
        pattern = torch.tensor([[0.0, 0.0, 4.0], [0.0, 1.0, 0.0]])
        level = torch.tensor([2.0, -1.0, 0.0])[:, None, None] * pattern + 7
        component, share = principal_component(level)
        torch.testing.assert_close(component.float(), (pattern - pattern.mean()) / pattern.std(correction=0))
        assert share == pytest.approx(1)
        assert principal_component(torch.ones(4, 2, 2))[1] == 0

    def test_pyramids_need_finite_maps(self):
        assert len(draw_pyramid(placed(32, 64), [torch.randn(1, 8, 8, 16)]).axes) == 3
        with pytest.raises(UserError, match=r'shape \[1, 8\]'):
            draw_pyramid(placed(32, 64), [torch.randn(1, 8)])
        with pytest.raises(UserError, match=r'level 0 .* values that are not finite'):
            draw_pyramid(placed(32, 64), [torch.full((1, 8, 8, 16), torch.nan)])

    def test_filters_are_scaled_about_grey(self):
        assert filter_picture(torch.zeros(3, 4, 4)) == pytest.approx(np.full((4, 4, 3), 0.5))
        weight = torch.tensor([-2.0, 1.0]).reshape(1, 1, 2)
        assert filter_picture(weight) == pytest.approx(np.array([[0.0, 0.75]]))
        assert filter_picture(torch.randn(5, 8, 8)).shape == (8, 8, 3)

    def test_objects(self, tmp_path):
        masks = np.zeros((3, 40, 60), bool)
        masks[0, 22:38, 10:30] = True
        found = Prediction(
            'detection',
            (40, 60),
            0.1,
            np.array([1, 7, 0]),
            np.array([0.9, 0.5, 0.2]),
            boxes=np.array([[10, 22, 30, 38], [5, 0, 20, 8], [0, 0, 9, 9]]),
            masks=masks,
        )
        image = np.full((40, 60, 3), 128, np.uint8)
        image[:20] = 64
        figure = draw_predictions(image, found, ('cat', 'dog'), 0.3)
        assert '2 objects with a score of at least 0.3' in texts(figure)
        picture = pixels(figure, tmp_path)
        frame = figure.axes[0].get_window_extent()

        def at(row, col):
            """The colour of the figure where the image has a pixel."""
            down = len(picture) - frame.y1 + frame.height * (row + 0.5) / 40
            return picture[int(down), int(frame.x0 + frame.width * (col + 0.5) / 60)]

        first, second = (np.array(to_rgb(colour)) * 255 for colour in COLOURS[:2])
        mixed = 0.5 * first + 0.5 * 128
        for row in range(24, 37, 4):
            for col in range(12, 29, 4):
                assert at(row, col) == pytest.approx(mixed, abs=2)
        # Behind the texts: objects differ in colour, though the palette has one for each class, too.
        assert at(22.1, 9.7) == pytest.approx(first, abs=8)
        assert at(0.1, 4.7) == pytest.approx(second, abs=8)
        for place in ((15, 20), (15, 50), (30, 40), (39, 20), (30, 5)):
            assert at(*place) == pytest.approx(image[place], abs=2)

    def test_segments_beyond_the_colours_share_grey(self):
        segments = np.repeat(np.arange(10), 10).reshape(10, 10)
        segments[0] = 255
        found = Prediction('segmentation', (10, 10), 0.1, segments=segments)
        figure = draw_predictions(placed(10, 10).image, found, [f'kind {i}' for i in range(10)])
        legend = [text for text in texts(figure) if '%' in text]
        assert legend == [*(f'kind {i} (10.0%)' for i in range(1, 8)), '2 more (20.0%)']

    def test_classes_of_an_image(self):
        scores = np.array([0.6, 0.2, 0.1, 0.05, 0.03, 0.02])
        found = Prediction('classification', (8, 8), 0.1, np.array([3, 1, 0, 2, 5, 4]), scores)
        shown = texts(draw_predictions(placed(8, 8).image, found, tuple('abcdef')))
        assert 'best 5 of 6 classes' in shown
        assert [text for text in shown if text in 'abcdef' and text] == ['d', 'b', 'a', 'c', 'f']
        assert '0.600' in shown

    def test_small_files_keep_rare_colours(self, tmp_path, tiny_arch):
        tokens = probe(CrossFormer(tiny_arch).eval(), torch.zeros(1, 3, 64, 64), (0, 0), [(1, 0)])
        figure = draw_groups(placed(64, 64), tokens)
        pixels(figure, tmp_path)  # the layout settles in the first drawing
        whole, reduced = pixels(figure, tmp_path).astype(int), pixels(figure, tmp_path, palette=256).astype(int)
        assert len(np.unique(reduced.reshape(-1, 3), axis=0)) <= 256
        assert np.abs(whole - reduced).mean() < 0.5
        frame = (np.array(to_rgb(COLOURS[0])) * 255).round()
        is_frame = (whole == frame).all(-1)
        assert 0 < is_frame.mean() < 0.02
        assert np.abs(reduced[is_frame] - frame).max() < 10


class TestPlacement:
    @pytest.mark.parametrize('short_side', [None, 100])
    def test_resized(self, quick, short_side):
        image = np.zeros((50, 100, 3), np.uint8)
        predictor = Predictor(quick('mask_rcnn_crossformer_t_digits'))
        placement = Placement.from_batch(image, predictor.prepare(image, short_side))
        size = (56, 112) if short_side is None else (100, 200)
        assert placement.input_size == placement.content_size == size
        assert placement.pixel(0, 0) == (size[0] // 100, size[1] // 200)
        assert placement.pixel(49, 99) == pytest.approx((size[0] - 1, size[1] - 1), abs=1)

    def test_cropped(self):
        """Resized from 100 x 200 to 50 x 100, of which the middle 40 x 40 is seen."""
        placement = Placement(np.zeros((100, 200, 3), np.uint8), (40, 40), (40, 40), (0.5, 0.5), (5, 30))
        assert placement.pixel(50, 100) == (20, 20)
        with pytest.raises(UserError, match='cropped away'):
            placement.pixel(50, 20)


class TestTool:
    @pytest.fixture
    def image(self, tmp_path):
        """A picture on disk."""
        Image.fromarray(np.random.default_rng(0).integers(0, 255, (48, 70, 3), np.uint8)).save(tmp_path / 'image.png')
        return tmp_path / 'image.png'

    def checkpoint(self, config, tmp_path):
        predictor = Predictor(config)
        state = dict(state_dict=predictor.model.state_dict(), meta=dict(dataset_meta=dict(classes=list('0123456789'))))
        torch.save(state, tmp_path / 'weights.pth')
        return tmp_path / 'weights.pth'

    @pytest.mark.parametrize('name', sampled([DETECTOR, SEGMENTER, CLASSIFIER], fast=[DETECTOR, CLASSIFIER]))
    def test_all_pictures(self, call, quick, image, tmp_path, name):
        config, out = quick(name), tmp_path / 'out'
        weights = self.checkpoint(config, tmp_path)
        # Options between the positional arguments.
        code, text = call('visualize', config, weights, '--pixel', 47, 69, image, '--short-side', 40, '--out', out)
        assert code == 0, text
        assert [line for line in text.splitlines() if line.endswith('.png')] == [str(out / f'{x}.png') for x in ALL]
        for picture in ALL:
            assert max(Image.open(out / f'{picture}.png').size) <= 1200

    def test_best_thresholds(self, call, quick, image, tmp_path):
        """Those of each class beside the checkpoint decide which objects are drawn."""
        config, out = quick(DETECTOR), tmp_path / 'out'
        weights = self.checkpoint(config, tmp_path)
        options = [image, '--only', 'predictions', '--score-thr', 'best', '--out', out]
        code, text = call('visualize', config, *options)
        assert (code, 'random weights have no thresholds: pass a CHECKPOINT' in text) == (2, True)
        pictures = []
        for overall in (0.0, 1.0):
            Thresholds(overall, dict.fromkeys('0123456789')).write(tmp_path, weights)
            code, text = call('visualize', config, weights, *options)
            assert code == 0, text
            pictures.append((out / 'predictions.png').read_bytes())
        assert pictures[0] != pictures[1]

    def test_without_checkpoint(self, call, quick, image, tmp_path):
        config, out = quick('crossformer_t_digits'), tmp_path / 'out'
        code, text = call('visualize', config, image, '--only', 'predictions', 'filters', '--out', out)
        assert code == 0
        assert 'predictions left out: the weights are random; pass a CHECKPOINT' in text
        assert [path.name for path in out.iterdir()] == ['filters.png']

    def test_other_backbones(self, call, image, tmp_path):
        config, out = tmp_path / 'resnet.py', tmp_path / 'out'
        resnet = "dict(_delete_=True, type='mmdet.ResNet', depth=18)"
        config.write_text(
            f'_base_ = {str(CONFIGS / "retinanet_crossformer_t_digits.py")!r}\n'
            f'model = dict(backbone={resnet}, neck=dict(in_channels=[64, 128, 256, 512]))'
        )
        code, text = call('visualize', config, image, '--out', out)
        assert code == 0
        assert [path.name for path in out.iterdir()] == ['pyramid.png']
        for name in ('groups', 'bias', 'filters'):
            assert f'{name} left out: the backbone is ResNet, not CrossFormer' in text
        code, text = call('visualize', config, image, '--only', 'bias', '--out', tmp_path / 'none')
        assert code == 2
        assert 'nothing to draw. bias left out: the backbone is ResNet' in text
        assert not (tmp_path / 'none').exists()

    @pytest.mark.parametrize(
        ('arguments', 'message'),
        [
            (['CONFIG', 'IMAGE', '--pixel', 48, 0], 'pixel 48 0 is outside the image of 48 x 70 pixels'),
            (['CONFIG', 'IMAGE', '--pixel', 0, -1], 'rows are 0 to 47, columns 0 to 69'),
            (['CONFIG', 'none.png'], 'image none.png is no file'),
            (['CONFIG', 'CONFIG'], 'cannot be read'),
            (['none.py', 'IMAGE'], 'config none.py is no file'),
            (['CONFIG', 'none.pth', 'IMAGE'], 'none.pth'),
            (['CONFIG', 'IMAGE', '--score-thr', 30], "--score-thr: must be a number from 0 to 1, or best, got '30'"),
            (['CONFIG', 'IMAGE', '--short-side', 0], "--short-side: must be a whole number from 1 on, got '0'"),
            (['CONFIG', 'IMAGE', '--only', 'filters', '--out', 'IMAGE'], 'cannot be created'),
            (['CONFIG', 'IMAGE', '--only', 'everything'], 'invalid choice'),
        ],
    )
    def test_mistakes(self, call, quick, image, arguments, message):
        named = dict(CONFIG=quick('crossformer_t_digits'), IMAGE=image)
        code, text = call('visualize', *(named.get(word, word) for word in arguments))
        assert code == 2
        assert message in text
