"""Classifiers of timm in every tool, their published weights from a file, and what is told without timm."""

import sys

import pytest
import timm
import torch
from mmengine.registry import MODELS, init_default_scope
from mmengine.runner import load_checkpoint
from quick import CONFIGS, SPEC, Hidden, run
from safetensors.torch import save_file

from mmcrossformer.apis.complexity import analyze
from mmcrossformer.apis.predictor import Predictor
from mmcrossformer.checkpoint import read_checkpoint
from mmcrossformer.config.read import read_config

DIGITS = CONFIGS / 'crossvit_9_digits.py'
PICTURE = CONFIGS.parent / 'docs/images/digits.png'
SMALL = dict(embed_dim=(16, 32), depth=((1, 1, 0),), num_heads=(2, 2))
SIZES = dict(img_size=60, patch_size=(6, 8))


def write_config(folder, digits, **model):
    """Writes a config of a small CrossViT that trains in seconds."""
    loader = dict(
        batch_size=2, num_workers=0, persistent_workers=False, dataset=dict(data_root=f'{digits}/', spec=SPEC)
    )
    path = folder / 'crossvit.py'
    path.write_text(
        f'_base_ = {str(DIGITS)!r}\n'
        f'model = {dict(SMALL, **model)!r}\n'
        f'train_dataloader = val_dataloader = test_dataloader = {loader!r}\n'
        'train_cfg = dict(max_epochs=1)\n'
    )
    return path


@pytest.fixture(scope='module')
def trained(digits, tmp_path_factory):
    """Config and checkpoint of a short training, whose report is made, too."""
    folder = tmp_path_factory.mktemp('crossvit')
    config = write_config(folder, digits)
    result = run('train', config, '--work-dir', folder / 'run')
    assert result.returncode == 0, result.stderr[-3000:]
    assert (folder / 'run/report.html').is_file()
    return config, folder / 'run/epoch_1.pth'


@pytest.mark.hosts
class TestTools:
    def test_train_test_and_resume(self, trained, call, tmp_path):
        config, checkpoint = trained
        code, text = call('test', config, checkpoint, '--work-dir', tmp_path)
        assert code == 0, text
        assert 'accuracy/top1' in (tmp_path / 'metrics.json').read_text()
        more = ['--resume', checkpoint, '--cfg-options', 'train_cfg.max_epochs=2', 'custom_hooks=None']
        code, text = call('train', config, '--work-dir', tmp_path, *more)
        assert code == 0, text
        before, after = (read_checkpoint(path) for path in (checkpoint, tmp_path / 'epoch_2.pth'))
        assert after['meta']['iter'] == 2 * before['meta']['iter']
        assert set(after['state_dict']) == set(timm.create_model('crossvit_9_240', **SMALL, **SIZES).state_dict())

    def test_predictions(self, trained, call, digits, tmp_path):
        config, checkpoint = trained
        image = next(digits.glob('classes/val/*/*'))
        code, text = call('infer', config, checkpoint, image, '--out', tmp_path / 'out', '--device', 'cpu')
        assert code == 0, text
        code, text = call('visualize', config, checkpoint, image, '--out', tmp_path / 'pictures')
        assert code == 0, text
        assert [path.name for path in (tmp_path / 'pictures').iterdir()] == ['predictions.png']
        assert 'groups left out: TimmClassifier has no backbone' in text


def test_parts(call):
    code, text = call('analyze', DIGITS)
    assert code == 0, text
    for part in ('patch_embed.0', 'patch_embed.1', 'blocks.0', 'blocks.1', 'blocks.2', 'head.0', 'head.1', 'total'):
        assert f'│ {part} ' in text


def test_tokens_of_the_digits():
    """Ten and seven on a side, from patches of half the published side."""
    cfg = read_config(DIGITS)
    init_default_scope('mmpretrain')
    model = MODELS.build(cfg.model).model
    assert [embed.num_patches for embed in model.patch_embed] == [10 * 10, 7 * 7]
    assert len(model.blocks) == len(timm.create_model('crossvit_9_240').blocks)
    assert analyze(cfg, 56, 56)[-1].params == sum(parameter.numel() for parameter in model.parameters())


def test_what_needs_a_backbone_says_so(call, tmp_path):
    code, text = call('export', DIGITS, '--out', tmp_path / 'x.pt2')
    assert code == 2
    assert 'has no backbone: export TimmClassifier with' in text
    code, text = call('visualize', DIGITS, PICTURE, '--out', tmp_path / 'out')
    assert code == 2
    assert 'pyramid left out: TimmClassifier has no backbone' in text


def test_classes_are_compared_with_the_data(call, digits, tmp_path):
    config = write_config(tmp_path, digits, num_classes=7)
    code, text = call('check', config)
    assert code == 2
    assert 'model (TimmClassifier) has 7 classes, the data set of train_dataloader has 10' in text


class TestWeights:
    """Published weights in a file, as timm has them."""

    @pytest.fixture
    def published(self):
        torch.manual_seed(1)
        return timm.create_model('crossvit_9_240', num_classes=10, **SMALL, **SIZES).eval()

    @pytest.fixture
    def options(self):
        return {f'model.{key}': value for key, value in SMALL.items()}

    @pytest.mark.parametrize('suffix', ['.pth', '.safetensors'])
    def test_from_a_file(self, published, options, tmp_path, suffix):
        path = tmp_path / f'published{suffix}'
        (save_file if suffix == '.safetensors' else torch.save)(published.state_dict(), path)
        model = Predictor(DIGITS, options=options | {'model.checkpoint_path': str(path)}).model
        images = torch.rand(1, 3, 56, 56)
        assert torch.equal(model(images), published(images))
        model.init_weights()  # as a training does
        assert torch.equal(model(images), published(images))

    def test_other_classes(self, published, options, tmp_path):
        """Everything but the heads."""
        published.reset_classifier(1000)
        torch.save(published.state_dict(), tmp_path / 'published.pth')
        overlay = dict(file=str(tmp_path / 'published.pth'))
        options |= {'model.pretrained': True, 'model.pretrained_cfg_overlay': overlay}
        model = Predictor(DIGITS, options=options).model.model
        own, theirs = model.state_dict(), published.state_dict()
        assert own['head.0.weight'].shape == (10, 16)
        assert all(torch.equal(own[name], theirs[name]) for name in own if not name.startswith('head.'))

    @pytest.mark.parametrize('tool', ['train', 'analyze'])
    def test_wrong_files(self, call, digits, tmp_path, monkeypatch, tool):
        monkeypatch.chdir(tmp_path)
        (tmp_path / 'page.pth').write_text('<html>not found</html>')
        torch.save({'conv1.weight': torch.ones(1)}, 'resnet.pth')
        config = write_config(tmp_path, digits)
        for name, words in (
            ('none.pth', 'checkpoint none.pth is no file'),
            ('page.pth', 'it is a web page'),
            ('resnet.pth', 'the weights at checkpoint_path are not of this model: for CrossVit: Missing key(s)'),
        ):
            code, text = call(tool, config, '--cfg-options', f'model.checkpoint_path={name}')
            assert code == 2
            assert words in text


@pytest.mark.parametrize('tool', ['train', 'analyze', 'test', 'infer', 'compare'])
def test_without_timm(call, monkeypatch, tmp_path, tool):
    monkeypatch.chdir(tmp_path)
    for name in [name for name in sys.modules if name.split('.')[0] == 'timm']:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, 'meta_path', [Hidden('timm'), *sys.meta_path])
    (tmp_path / 'x.pth').touch()
    more = dict(test=['x.pth'], infer=['x.pth', PICTURE, '--out', 'out'])
    code, text = call(tool, DIGITS, *more.get(tool, []))
    assert code == 2
    assert text.strip() == f"error: {DIGITS} needs timm, which is not installed: pip install 'mmcrossformer[timm]'"
    # Everything else works without it.
    assert read_config(CONFIGS / 'cat_t_digits.py').model.type == 'ImageClassifier'


def test_weights_that_a_training_would_draw_anew(tmp_path):
    """docs/field.md warns of it: mmengine calls `init_weights` of models of timm, over what they have loaded."""
    size = dict(img_size=32, embed_dim=24, depth=1, num_heads=2)
    published = timm.create_model('deit_tiny_patch16_224', **size).state_dict()
    torch.save(published, tmp_path / 'published.pth')
    init_default_scope('mmpretrain')
    settings = dict(type='TimmClassifier', model_name='deit_tiny_patch16_224', **size)
    model = MODELS.build(dict(settings, checkpoint_path=str(tmp_path / 'published.pth')))
    name = 'blocks.0.attn.qkv.weight'
    assert torch.equal(model.state_dict()[name], published[name])
    model.init_weights()
    assert not torch.equal(model.state_dict()[name], published[name])
    load_checkpoint(model, str(tmp_path / 'published.pth'))  # as `load_from` does
    assert all(torch.equal(value, published[name]) for name, value in model.state_dict().items())
