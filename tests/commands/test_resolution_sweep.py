"""mmcrossformer sweep, as a user runs it, and the sizes of pipelines."""

import json
import runpy
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from quick import METRIC
from tiers import sampled

from mmcrossformer.apis.model import build_model
from mmcrossformer.commands.sweep.report import Point, Sweep, plot
from mmcrossformer.config.read import read_config
from mmcrossformer.config.sizes import default_sizes, input_shape, scale_test_pipeline, trained_sizes
from mmcrossformer.models import CrossFormer
from mmcrossformer.utils.errors import UserError

CONFIGS = Path(__file__).parents[2] / 'configs'
DETECTOR, SEGMENTER = 'retinanet_crossformer_t_digits', 'upernet_crossformer_t_digits'
CLASSIFIER = 'crossformer_t_multires_digits'


@pytest.fixture
def checkpoint(tmp_path):
    """Writes random weights for a config."""

    def write(config):
        torch.manual_seed(0)
        model = build_model(read_config(str(config)))
        model.init_weights()
        path = tmp_path / f'{config.stem}.pth'
        torch.save(dict(state_dict=model.state_dict()), path)
        return path

    return write


@pytest.mark.parametrize('name', sampled([DETECTOR, SEGMENTER, CLASSIFIER], fast=[DETECTOR, CLASSIFIER]))
def test_sweep(name, quick, checkpoint, call, tmp_path, monkeypatch):
    config = quick(name)
    weights = checkpoint(config)
    own = min(input_shape(read_config(str(config))))
    seen = []
    forward = CrossFormer.forward
    monkeypatch.setattr(CrossFormer, 'forward', lambda model, x: seen.append(min(x.shape[2:])) or forward(model, x))
    sizes = [own // 2, own, own + 3]
    code, text = call('sweep', config, weights, '--sizes', *sizes, '--work-dir', tmp_path / 'sweep')
    assert code == 0, text
    assert list(dict.fromkeys(seen)) == sizes
    found = Sweep.load(tmp_path / 'sweep/resolution_sweep.json')
    assert [point.size for point in found.points] == sizes
    assert (found.config, found.checkpoint, found.own_size) == (name, weights.name, own)
    assert found.trained_sizes == ([32, 40, 56] if name == CLASSIFIER else [own])
    assert all(point.seconds > 0 and point.error is None for point in found.points)
    assert found.images == (10 if name == CLASSIFIER else 2)
    assert found.hardware['cpu']
    assert (tmp_path / 'sweep/resolution_sweep.png').read_bytes().startswith(b'\x89PNG')
    for words in (*map(str, sizes), METRIC[name], 'resolution [px]', "the config's test"):
        assert words in text
    assert call('test', config, weights, '--work-dir', tmp_path / 'test')[0] == 0
    metrics = json.loads((tmp_path / 'test/metrics.json').read_text())
    assert found.metric == METRIC[name]
    assert found.points[1].result == pytest.approx(metrics[METRIC[name]])


def test_sizes_at_which_the_model_cannot_run_are_told(quick, checkpoint, call, tmp_path):
    config = tmp_path / 'fixed.py'
    backbone = dict(
        _delete_=True,
        type='MlpMixer',
        arch=dict(embed_dims=16, num_layers=1, tokens_mlp_dims=16, channels_mlp_dims=16),
        img_size=56,
        patch_size=8,
    )
    model = dict(backbone=backbone, neck=dict(dim=1), head=dict(in_channels=16))
    config.write_text(f'_base_ = {str(quick("crossformer_t_digits"))!r}\nmodel = {model!r}\n')
    weights = checkpoint(config)
    code, text = call('sweep', config, weights, '--sizes', 40, 56, '--work-dir', tmp_path)
    assert code == 0, text
    assert 'cannot run' in text
    failed, ran = Sweep.load(tmp_path / 'resolution_sweep.json').points
    assert failed.error
    assert failed.result is None
    assert ran.error is None
    code, text = call('sweep', config, weights, '--sizes', 40, 48, '--work-dir', tmp_path)
    assert code == 2
    assert 'runs at none of the sizes; at 40' in text


@pytest.mark.parametrize(
    ('arguments', 'words'),
    [
        (['--sizes', 32, 40, 32], 'got twice: 32'),
        (['--cfg-options', 'test_dataloader=None'], 'test'),
        (['--cfg-options', 'test_evaluator=None'], 'no test_evaluator'),
        (
            ['--cfg-options', 'test_dataloader.dataset.pipeline.1.type=RandomResize'],
            'a step RandomResize with scale=56',
        ),
        (['--cfg-options', 'test_dataloader.dataset.pipeline.1.scale_factor=2'], 'Resize with scale_factor=2'),
    ],
)
def test_mistakes(arguments, words, call, tmp_path):
    config = CONFIGS / 'crossformer_t_digits.py'
    (tmp_path / 'any.pth').touch()
    code, text = call('sweep', config, tmp_path / 'any.pth', *arguments, '--work-dir', tmp_path)
    assert code == 2
    assert words in text
    assert text.startswith('error: ')


@pytest.mark.parametrize(
    ('name', 'sizes'),
    [
        ('mask_rcnn_crossformer_s_coco', [(500, 300)]),
        ('crossformer_s_imagenet', [343, 300]),
        ('upernet_crossformer_s_ade20k', [(1200, 300)]),
    ],
)
def test_all_sizes_grow_alike(name, sizes):
    cfg = Config.fromfile(CONFIGS / f'{name}.py')
    before = cfg.pretty_text
    steps = scale_test_pipeline(cfg, 300).test_dataloader.dataset.pipeline
    assert [step.get('scale', step.get('crop_size')) for step in steps if {'scale', 'crop_size'} & set(step)] == sizes
    assert cfg.pretty_text == before


def test_sizes_of_trainings():
    assert trained_sizes(Config.fromfile(CONFIGS / 'crossformer_s_multires_imagenet.py')) == [128, 160, 224]
    assert trained_sizes(Config.fromfile(CONFIGS / 'mask_rcnn_crossformer_s_coco.py')) == [800]
    assert trained_sizes(Config.fromfile(CONFIGS / 'mask_rcnn_crossformer_s_g14_3x_coco.py')) == []
    assert default_sizes(224) == [112, 168, 224, 280, 336, 448]


def test_plot_of_several(tmp_path):
    sweeps = [
        Sweep(name, 'a.pth', 'mIoU', 32, [32], 1, {}, {}, {}, None, [Point(32, 1.0, 0.1), Point(64, error='no')])
        for name in 'ab'
    ]
    plot(sweeps, tmp_path / 'both.png')
    assert (tmp_path / 'both.png').stat().st_size > 1000
    (tmp_path / 'other.json').write_text('[1]')
    with pytest.raises(UserError, match='was not written by'):
        Sweep.load(tmp_path / 'other.json')


class TestPage:
    maker = runpy.run_path(str(CONFIGS.parent / '.dev_scripts/make_resolutions.py'))

    def test_it_is_up_to_date(self):
        """`python .dev_scripts/make_resolutions.py` writes it."""
        page = (CONFIGS.parent / 'docs/resolutions.md').read_text()
        assert page == self.maker['page'](self.maker['load']())

    def test_cells(self):
        machine = dict(
            settings=dict(batch_size=1, threads=1, device='cpu'),
            hardware=dict(cpu='x', cores=2),
            versions=dict(torch='2'),
        )
        points = [Point(32, 50.04, 0.0123), Point(64, 60.0, 0.02), Point(128, error='no')]
        one = Sweep('one', 'a.pth', 'accuracy/top1', 64, [32, 64], 1, **machine, points=points)
        other = Sweep('other', 'a.pth', 'accuracy/top1', 64, [64], 1, **machine, points=points[:2])
        page = self.maker['page']([one, other])
        rows = ('| 32 | **50.0** | 50.0 |', '| 64 | **60.0** | **60.0** |', '| 128 | cannot run | - |')
        assert all(row in page for row in (*rows, '| 32 | 12.3 | 12.3 |', '| 128 | - | - |'))
