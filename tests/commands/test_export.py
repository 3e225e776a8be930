"""mmcrossformer export: programs that run without this package give the numbers of the model."""

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from quick import ARCH, run
from tiers import sampled
from tiny import TINY_CAT

from mmcrossformer import CAT, CrossFormer
from mmcrossformer.commands.export.program import bake_position_bias, export

pytestmark = pytest.mark.skipif(torch.__version__ < '2.7', reason='needs torch >= 2.7')

# Whole maps, an elongated one that scope block cuts, padding in every stage, and the usual.
SIZES = [(1, 64, 64), (2, 57, 130), (1, 33, 700), (3, 100, 70)]


def model(**options):
    """A backbone with every kind of group, in inference on whole maps."""
    arch = dict(ARCH, depths=(2, 1, 2, 1), group_size=(3, 3, 2, 2), interval=(4, 2, 2, 1))
    return CrossFormer(arch, **options).eval()


GROUPS = [dict(lda_scope='map'), dict(lda_scope='block'), dict(adaptive_interval=True)]
FIRST = dict(out_indices=(0,))  # both kinds of groups; the other stages repeat them on smaller maps


def check_sizes(program, backbone):
    with torch.no_grad():
        for batch, height, width in SIZES:
            images = torch.randn(batch, 3, height, width)
            for a, b in zip(program(images), backbone(images), strict=True):
                torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize('stages', sampled([FIRST, {}], fast=[FIRST]), ids=['one', 'all'])
@pytest.mark.parametrize('options', sampled(GROUPS, fast=GROUPS[:1]), ids=['map', 'block', 'adaptive'])
def test_one_program_for_all_sizes(options, stages):
    backbone = model(**options, **stages)
    check_sizes(export(backbone, torch.randn(2, 3, 96, 80)).module(), backbone)


def test_one_program_of_cat_for_all_sizes():
    backbone = CAT(dict(TINY_CAT, depths=(1, 1, 1, 1)), out_indices=(0,)).eval()
    check_sizes(export(backbone, torch.randn(2, 3, 96, 80)).module(), backbone)


@pytest.mark.parametrize(('scope', 'too_large'), [('map', (100, 700)), ('block', (16, 700))])
def test_baked_bias_changes_nothing_and_ends_at_its_size(scope, too_large):
    backbone, baked = model(lda_scope=scope), model(lda_scope=scope)
    baked.load_state_dict(backbone.state_dict())
    bake_position_bias(baked, 128)
    assert not any('pos_bias.proj' in name for name in baked.state_dict())
    with torch.no_grad():
        images = torch.randn(1, 3, 100, 128)
        for a, b in zip(baked(images), backbone(images), strict=True):
            torch.testing.assert_close(a, b)
        with pytest.raises(IndexError):
            baked(torch.randn(1, 3, *too_large))


# One stage with both kinds of groups, which takes a fourth of the time of four.
ONE_STAGE = ['--cfg-options', 'model.backbone.arch.depths=[2,1,1,1]', 'model.backbone.out_indices=[0]']
TOOL = [
    ('onnx', 'crossformer_t_digits', [*ONE_STAGE, 'model.head.in_channels=16']),
    ('pt2', 'mask_rcnn_crossformer_t_digits', [*ONE_STAGE, 'model.neck.in_channels=[16]']),
]
WHOLE = [('onnx', 'crossformer_t_digits', []), ('pt2', 'upernet_crossformer_t_digits', [])]


@pytest.mark.parametrize(('suffix', 'name', 'options'), sampled([*TOOL, *WHOLE], fast=TOOL))
def test_tool(quick, tmp_path, suffix, name, options):
    config, out = quick(name), tmp_path / f'program.{suffix}'
    bake = ['--bake', '--max-size', 512] if suffix == 'onnx' else []
    result = run('export', config, '--out', out, '--shape', 64, 64, *bake, *options)
    assert result.returncode == 0, result.stderr
    assert result.stdout.count('differs from the model by') == 3
    assert 'mean [123.675, 116.28, 103.53]' in result.stdout
    if suffix == 'pt2':
        shapes = [(16, 18, 25), (32, 9, 13), (64, 5, 7), (128, 3, 4)][: 1 if options else 4]
        names = ', '.join(f'stage{i}' for i in range(len(shapes)))
        assert f'backbone, images [B, 3, H, W] to {names}\n' in result.stdout
        outputs = torch.export.load(out).module()(torch.randn(1, 3, 70, 100))
        assert [tuple(x.shape[1:]) for x in outputs] == shapes
    else:
        assert 'classifier, images [B, 3, H, W] to logits' in result.stdout
        assert onnx.load(out).opset_import[0].version >= 18
        images = np.zeros((5, 3, 40, 50), np.float32)
        (logits,) = onnxruntime.InferenceSession(out).run(['logits'], {'images': images})
        assert logits.shape == (5, 10)
        refused = run('export', config, '--out', out)
        assert (refused.returncode, 'exists' in refused.stderr) == (2, True)


@pytest.mark.parametrize(
    ('name', 'arguments', 'message'),
    [
        ('crossformer_t_digits', ['--out', 'x.tflite'], 'ends in .onnx or .pt2, got x.tflite'),
        ('crossformer_t_digits', ['--out', 'file/x.pt2'], '--out: the folder file cannot be created'),
        ('crossformer_t_digits', ['--out', 'x.pt2', '--shape', 8, 8], 'take at least 32 pixels'),
        ('upernet_crossformer_t_digits', ['--out', 'x.pt2', '--part', 'classifier'], 'is not a classifier'),
        ('crossformer_t_digits', ['no.pth', '--out', 'x.pt2'], 'no.pth'),
    ],
)
def test_mistakes(quick, call, tmp_path, monkeypatch, name, arguments, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'file').touch()
    code, text = call('export', quick(name), *arguments)
    assert code == 2
    assert message in text
