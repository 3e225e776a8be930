"""Files of `configs/_base_/backbones`, and configs with another backbone in place of their own."""

import copy
import re

import pytest
import torch
from hosts import channels_of, check_predictions, num_classes, step_and_predict
from mmengine.config import Config, ConfigDict
from mmengine.registry import MODELS
from quick import CONFIGS

from mmcrossformer.apis.complexity import analyze
from mmcrossformer.config import read
from mmcrossformer.config.backbones import list_backbones, read_backbone, replace_backbone
from mmcrossformer.config.sizes import input_shape
from mmcrossformer.config.walk import model_settings
from mmcrossformer.utils import hosts
from mmcrossformer.utils.errors import UserError

OURS = [name for name in list_backbones() if name.startswith(('crossformer', 'cat'))]
OTHERS = ['convnext_t', 'pvtv2_b2', 'resnet_50', 'swin_t', 'twins_pcpvt_s']
COMPARISON = (CONFIGS.parent / 'docs/comparison.md').read_text()


def config_of(name):
    return Config.fromfile(CONFIGS / f'{name}.py')


def swapped(config, backbone):
    return replace_backbone(config_of(config), read_backbone(backbone))


def test_every_variant_has_a_file():
    sizes = dict(crossformer='tsbl', crossformerpp='sblh', cat='tsb')
    assert {*OURS} == {f'{family}_{size}' for family, letters in sizes.items() for size in letters}
    assert {*list_backbones()} == {*OURS, *OTHERS}


@pytest.mark.parametrize('name', OURS)
def test_channels_of_ours(name):
    backbone = read_backbone(name)
    for settings in (backbone.maps, backbone.classifier):
        assert channels_of(ConfigDict(settings)) == backbone.channels
    assert backbone.classifier['out_indices'] == (3,)


@pytest.mark.usefixtures('zero_weights')
@pytest.mark.parametrize('name', OTHERS)
def test_maps_of_others(name):
    """Of all four stages, and for classifiers of the last alone."""
    backbone = read_backbone(name)
    found = []
    for settings in (backbone.maps, backbone.classifier):
        model = MODELS.build(dict(settings)).to('meta')
        found.append([tuple(level.shape[1:]) for level in model(torch.zeros(1, 3, 64, 96, device='meta'))])
    sides = ((16, 24), (8, 12), (4, 6), (2, 3))
    expected = [(channels, *side) for channels, side in zip(backbone.channels, sides, strict=True)]
    assert found == [expected, expected[-1:]]


@pytest.mark.parametrize(
    'config',
    ['mask_rcnn_crossformer_t_digits', 'mask2former_crossformer_s_coco', 'upernet_cat_t_digits', 'cat_b_imagenet'],
)
def test_the_rest_stays(config):
    def rest(cfg):
        cfg = copy.deepcopy(cfg)
        del cfg.model.backbone
        for part in ('neck', 'panoptic_head', 'auxiliary_head', 'decode_head', 'head'):
            cfg.model.get(part, {}).pop('in_channels', None)
        left = ('backbone', 'classifier_backbone', 'channels', 'groups')
        return {key: value for key, value in cfg.to_dict().items() if key not in left}

    own = config_of(config)
    for name in ('crossformerpp_b', 'pvtv2_b2'):
        cfg = replace_backbone(own, read_backbone(name))
        assert rest(cfg) == rest(own)
        assert own.to_dict() == config_of(config).to_dict()
        assert not {'backbone', 'channels', 'groups'} & {*cfg}  # the earlier backbone's


def test_channels_follow():
    assert swapped('mask_rcnn_crossformer_t_digits', 'resnet_50').model.neck.in_channels == [256, 512, 1024, 2048]
    upernet = swapped('upernet_crossformer_t_digits', 'pvtv2_b2').model
    assert upernet.decode_head.in_channels == [64, 128, 320, 512]
    assert upernet.auxiliary_head.in_channels == 320
    assert swapped('crossformer_t_digits', 'swin_t').model.head.in_channels == 768
    cfg = config_of('mask_rcnn_crossformer_t_digits')
    cfg.model.neck.in_channels = cfg.model.neck.in_channels[::-1]
    assert replace_backbone(cfg, read_backbone('resnet_50')).model.neck.in_channels == [2048, 1024, 512, 256]


def test_stages_whose_maps_are_taken_stay():
    model = swapped('dino_crossformer_s_coco', 'swin_t').model
    assert model.backbone.out_indices == (1, 2, 3)
    assert model.neck.in_channels == [192, 384, 768]


def test_stochastic_depth_is_that_of_the_config():
    for name, rate in (('swin_t', 0.0), ('cat_t', 0.0), ('resnet_50', None)):
        assert swapped('mask_rcnn_crossformer_t_digits', name).model.backbone.get('drop_path_rate') == rate
    assert swapped('mask_rcnn_crossformer_s_coco', 'swin_t').model.backbone.drop_path_rate == 0.2  # as published


def test_crossformer_in_place_of_another():
    """Keeps everything but the variant, and weights that do not fit."""
    cfg = config_of('mask_rcnn_crossformer_t_digits')
    cfg.load_from = 'mask_rcnn.pth'
    cfg.model.backbone.update(with_cp=True, init_cfg=dict(type='Pretrained', checkpoint='crossformer-t.pth'))
    expected = {**cfg.model.backbone.to_dict(), 'arch': 'pp-base'}
    del expected['init_cfg']
    for kind in ('mmcrossformer.CrossFormer', 'CrossFormer'):
        cfg.model.backbone.type = kind
        other = replace_backbone(cfg, read_backbone('crossformerpp_b'))
        assert other.model.backbone.to_dict() == expected
        assert other.load_from is None


def test_crossformer_in_place_of_others():
    """Has groups of a published setting in dense tasks, which the defaults of CrossFormer++ are not."""
    backbone = swapped('mask_rcnn_cat_s_coco', 'crossformerpp_b').model.backbone
    assert backbone.to_dict() == config_of('mask_rcnn_crossformerpp_b_coco').model.backbone.to_dict()
    backbone = swapped('cat_s_imagenet', 'crossformerpp_b').model.backbone
    assert backbone.to_dict() == config_of('crossformerpp_b_imagenet').model.backbone.to_dict()


@pytest.mark.usefixtures('zero_weights')
@pytest.mark.parametrize(
    ('config', 'backbone', 'row'),
    [
        ('mask_rcnn_crossformer_t_digits', 'convnext_t', '| ConvNeXt-T | 0.616 | 0.608 |'),
        ('mask_rcnn_crossformer_t_digits', 'cat_t', '| CAT-T | 0.610 | 0.620 |'),
        ('retinanet_crossformer_t_digits', 'resnet_50', '| ResNet-50 | 0.760 |'),
        ('upernet_crossformer_t_digits', 'pvtv2_b2', '| PVTv2-B2 | 81.4 % |'),
        ('upernet_crossformer_t_digits', 'twins_pcpvt_s', '| Twins-PCPVT-S | 76.4 % |'),
        ('crossformer_t_digits', 'swin_t', '| Swin-T | 90.0 % |'),
    ],
)
def test_models_are_those_of_the_comparison(config, backbone, row):
    (cells,) = re.findall(rf'{re.escape(row)} ([\d.]+) M \| ([\d.]+) G \|', COMPARISON)
    cfg = swapped(config, backbone)
    total = analyze(cfg, *input_shape(cfg))[-1]
    assert (f'{total.params / 1e6:.2f}', f'{total.macs / 1e9:.2f}') == cells


@pytest.mark.parametrize(
    ('config', 'backbone', 'size'),
    [('upernet_crossformer_t_digits', 'swin_t', 112), ('crossformer_t_digits', 'twins_pcpvt_s', 56)],
)
@pytest.mark.hosts
def test_step_and_prediction(config, backbone, size):
    cfg = swapped(config, backbone)
    cfg.model = model_settings(cfg)
    check_predictions(cfg.default_scope, step_and_predict(cfg, size, size), size, size, num_classes(cfg.model))


def test_files_of_ones_own(tmp_path):
    path = tmp_path / 'deeper.py'
    path.write_text("backbone = dict(type='mmdet.ResNet', depth=101)\nchannels = [256, 512, 1024, 2048]\n")
    with pytest.raises(UserError, match=r'deeper\.py sets no classifier_backbone: it must set what .*swin_t\.py sets'):
        read_backbone(str(path))
    path.write_text(path.read_text() + "classifier_backbone = dict(type='mmpretrain.ResNet', depth=101)\n")
    backbone = read_backbone(str(path))
    assert (backbone.name, backbone.maps['depth']) == ('deeper', 101)
    path.write_text('backbone = (')
    with pytest.raises(UserError, match=r'deeper\.py does not parse: SyntaxError'):
        read_backbone(str(path))


@pytest.mark.parametrize(
    ('name', 'message'),
    [
        ('swin_s', r"unknown backbone 'swin_s': name a file \(\*\.py\) or one of .*\. Close names: swin_t"),
        ('none.py', 'backbone none.py is no file; names are cat_b, '),
    ],
)
def test_unknown_names(name, message):
    with pytest.raises(UserError, match=message):
        read_backbone(name)


def test_models_that_take_no_other_backbone():
    with pytest.raises(UserError, match=r'\(TimmClassifier\) has no backbone that swin_t could replace'):
        swapped('crossvit_9_digits', 'swin_t')
    cfg = config_of('mask_rcnn_crossformer_t_digits')
    cfg.model.neck = [cfg.model.neck]
    with pytest.raises(UserError, match=r'nothing in the model \(MaskRCNN\) has in_channels for the maps'):
        replace_backbone(cfg, read_backbone('swin_t'))


def test_missing_library(monkeypatch):
    def missing(name):
        raise ModuleNotFoundError(f'No module named {name}', name='mmdet')

    monkeypatch.setattr(read, 'importlib', type('Importlib', (), dict(import_module=staticmethod(missing))))
    message = f'backbone swin_t needs mmdet, which is not installed: {hosts.install_command("mmdet")}'
    with pytest.raises(UserError, match=message):
        swapped('upernet_crossformer_t_digits', 'swin_t')
