"""Layer-wise learning rates, in models of all three host libraries."""

import importlib

import pytest
import torch
from hosts import shrink
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import MODELS, init_default_scope
from quick import CONFIGS

from mmcrossformer import CrossFormer

pytestmark = pytest.mark.hosts

CONSTRUCTOR = 'mmcrossformer.LayerDecayOptimWrapperConstructor'


def test_depth_of_every_parameter():
    model = CrossFormer(dict(embed_dims=16, depths=(1, 2, 1, 1), num_heads=(1, 2, 4, 8)), out_norm=True)
    expected = {
        'stages.0.embed.': 0,
        'stages.0.blocks.0.': 1,
        'stages.1.embed.': 2,
        'stages.1.blocks.0.': 2,
        'stages.1.blocks.1.': 3,
        'stages.2.embed.': 4,
        'stages.2.blocks.0.': 4,
        'stages.3.embed.': 5,
        'stages.3.blocks.0.': 5,
        'norm': 6,
    }
    for name, _ in model.named_parameters():
        depth = next(depth for start, depth in expected.items() if name.startswith(start))
        assert model.get_layer_depth(name) == (depth, 7)
        assert model.get_layer_depth(f'backbone.{name}', prefix='backbone.') == (depth, 7)
    assert model.get_layer_depth('head.fc.weight', prefix='backbone.') == (6, 7)


def test_mmpretrain_s_own_constructor_takes_the_backbone():
    classifier = build('crossformer_s_imagenet')
    settings = dict(optimizer=dict(type='AdamW', lr=1.0, weight_decay=0.1), paramwise_cfg=dict(layer_decay_rate=0.5))
    settings['constructor'] = 'mmpretrain.LearningRateDecayOptimWrapperConstructor'
    groups = build_optim_wrapper(classifier, settings).param_groups
    rates = {id(group['params'][0]): group['lr'] for group in groups}
    assert rates[id(classifier.head.fc.weight)] == 1.0
    blocks = sum(len(stage.blocks) for stage in classifier.backbone.stages)
    assert rates[id(classifier.backbone.stages[0].embed.norm.weight)] == 0.5 ** (blocks + 1)


def build(name):
    """The model of a config, made small."""
    cfg = Config.fromfile(CONFIGS / f'{name}.py')
    importlib.import_module(f'{cfg.default_scope}.models')
    init_default_scope(cfg.default_scope)
    shrink(cfg)
    return MODELS.build(cfg.model)


@pytest.mark.parametrize(
    'name', ['mask_rcnn_crossformer_s_coco', 'upernet_crossformerpp_s_ade20k', 'crossformer_s_imagenet']
)
def test_rates_and_decay(name, tmp_path):
    """By the fragment, as a config of a user takes it."""
    folder = CONFIGS
    path = tmp_path / 'fine_tuning.py'
    path.write_text(
        f"_base_ = [r'{folder / name}.py', r'{folder}/_base_/schedules/layer_decay.py']\n"
        'optim_wrapper = {{_base_.layer_decay}}\nlr = 1.0\n'
    )
    settings = Config.fromfile(path).optim_wrapper
    settings.optimizer.update(lr=1.0, weight_decay=0.1)
    model = build(name)
    wrapper = build_optim_wrapper(model, settings)
    of = {id(p): (group['lr'], group['weight_decay']) for group in wrapper.param_groups for p in group['params']}
    blocks = sum(len(stage.blocks) for stage in model.backbone.stages)
    for parameter_name, parameter in model.named_parameters():
        lr, decay = of[id(parameter)]
        layer, _ = model.backbone.get_layer_depth(parameter_name, 'backbone.')
        assert lr == pytest.approx(0.8 ** (blocks + 1 - layer))
        assert decay == (0.0 if parameter.dim() == 1 or 'pos_bias' in parameter_name else 0.1)
    assert of[id(model.backbone.stages[0].blocks[0].attn.pos_bias.layers[0][2].weight)][1] == 0.0
    assert len(wrapper.param_groups) <= 2 * (blocks + 2) + 1  # mmengine adds an empty one
    assert isinstance(wrapper.optimizer, torch.optim.AdamW)


def test_frozen_parameters_and_custom_keys():
    model = build('crossformer_s_imagenet')
    model.backbone.stages[0].requires_grad_(False)
    keys = {'head': dict(lr_mult=10.0), 'head.fc.bias': dict(decay_mult=0.5)}
    settings = dict(optimizer=dict(type='SGD', lr=1.0, weight_decay=0.1), constructor=CONSTRUCTOR)
    wrapper = build_optim_wrapper(model, dict(settings, paramwise_cfg=dict(custom_keys=keys)))
    of = {id(p): (group['lr'], group['weight_decay']) for group in wrapper.param_groups for p in group['params']}
    assert of[id(model.head.fc.weight)] == (10.0, 0.1)
    assert of[id(model.head.fc.bias)] == (1.0, 0.05)
    assert not any(id(p) in of for p in model.backbone.stages[0].parameters())


def test_without_settings_norms_do_not_decay():
    model = build('crossformer_s_imagenet')
    settings = dict(optimizer=dict(type='SGD', lr=1.0, weight_decay=0.1), constructor=CONSTRUCTOR)
    wrapper = build_optim_wrapper(model, settings)
    of = {id(p): group['weight_decay'] for group in wrapper.param_groups for p in group['params']}
    assert of[id(model.backbone.stages[0].embed.norm.weight)] == 0.0
    assert of[id(model.head.fc.weight)] == 0.1


def test_mistakes_are_told():
    model = build('crossformer_s_imagenet')
    settings = dict(optimizer=dict(type='SGD', lr=1.0, weight_decay=0.1), constructor=CONSTRUCTOR)
    with pytest.raises(ValueError, match=r'takes layer_decay_rate and custom_keys, got norm_decay_mult.*_delete_=True'):
        build_optim_wrapper(model, dict(settings, paramwise_cfg=dict(norm_decay_mult=0.0)))
    with pytest.raises(ValueError, match=r'above 0 and at most 1, got 1\.5'):
        build_optim_wrapper(model, dict(settings, paramwise_cfg=dict(layer_decay_rate=1.5)))
    with pytest.raises(TypeError, match='whose backbone has get_layer_depth, which NoneType has not'):
        build_optim_wrapper(torch.nn.Linear(1, 1), dict(settings, paramwise_cfg=dict(layer_decay_rate=0.5)))
