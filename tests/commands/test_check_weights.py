"""Weights to start from, and rates of parts, must reach parameters of the model."""

import pytest
import torch
from checked import findings_of, only
from mmengine.registry import MODELS, init_default_scope


@pytest.fixture
def weights(job, tmp_path):
    """A file with the weights of the detector."""
    init_default_scope(job.default_scope)
    path = tmp_path / 'weights.pth'
    torch.save(dict(state_dict=MODELS.build(job.model).state_dict()), path)
    return path


def pretrained(path, **more):
    return dict(type='Pretrained', checkpoint=str(path), **more)


def save(path, change):
    """Changes the names in a file of weights."""
    state = torch.load(path)['state_dict']
    torch.save(dict(state_dict={change(name): value for name, value in state.items()}), path)


def test_nothing_is_wrong(job, weights):
    job.load_from = str(weights)
    job.model.backbone.init_cfg = pretrained(weights)
    job.model.neck.init_cfg = pretrained(weights, prefix='neck.')
    job.optim_wrapper.paramwise_cfg.custom_keys = dict(backbone=dict(lr_mult=0.1))
    assert findings_of(job) == []
    # mmengine downloads these.
    job.model.neck.init_cfg = pretrained('https://example.org/a.pth')
    assert findings_of(job) == []


@pytest.mark.parametrize('part', ['backbone', 'neck'])
def test_files_that_do_not_exist(part, job, tmp_path):
    job.model[part].init_cfg = pretrained(tmp_path / 'away.pth')
    only(job, f'error: init_cfg of {job.model[part].type}: checkpoint {tmp_path}/away.pth is no file')


def test_a_backbone_of_another_size(job, weights):
    job.model.backbone.arch = 'small'
    job.model.backbone.init_cfg = pretrained(weights)
    only(job, 'error: init_cfg of mmcrossformer.CrossFormer: checkpoint * does not fit')


def test_names_of_another_model(job, weights):
    """mmengine loads nothing, warns in its log, and trains from random weights."""
    job.model.neck.init_cfg = pretrained(weights)
    only(
        job,
        'error: init_cfg of FPN: none of the * weights of *weights.pth has name and shape of one of the * set prefix',
    )
    job.model.neck.init_cfg = None
    save(weights, lambda name: f'student.{name}')
    job.load_from = str(weights)
    only(job, 'error: load_from: none of the * weights of *weights.pth has name and shape * student.')
    job.resume = True
    assert findings_of(job) == []


def test_a_backbone_alone(job, weights):
    """The rest of the model may be new."""
    state = torch.load(weights)['state_dict']
    torch.save({name: value for name, value in state.items() if name.startswith('backbone.')}, weights)
    job.load_from = str(weights)
    assert findings_of(job) == []


def test_rates_of_no_part(job):
    job.optim_wrapper.paramwise_cfg.custom_keys = dict(bakbone=dict(lr_mult=0.1), neck=dict(lr_mult=2))
    only(job, 'warning: optim_wrapper.paramwise_cfg.custom_keys has bakbone, which no parameter * such as backbone.')
