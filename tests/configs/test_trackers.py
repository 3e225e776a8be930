"""Trackers that a training logs to."""

import pytest
from mmengine.config import Config
from mmengine.registry import VISBACKENDS

from mmcrossformer.config import trackers
from mmcrossformer.config.trackers import TRACKERS, use_trackers
from mmcrossformer.utils.errors import UserError


@pytest.mark.parametrize('name', TRACKERS)
def test_missing_package(name, monkeypatch):
    monkeypatch.setattr(trackers, 'find_spec', lambda module: None)
    with pytest.raises(UserError, match=f'--tracker {name} needs .* not installed: pip install'):
        use_trackers(Config(), [name])
    assert VISBACKENDS.get(TRACKERS[name].backend)


def test_backends_are_added_once(monkeypatch):
    monkeypatch.setattr(trackers, 'find_spec', lambda module: object())
    cfg = Config(dict(visualizer=dict(type='X', vis_backends=[dict(type='WandbVisBackend', init_kwargs=dict(a=1))])))
    use_trackers(cfg, ['wandb', 'mlflow'])
    assert [dict(backend) for backend in cfg.visualizer.vis_backends] == [
        dict(type='WandbVisBackend', init_kwargs=dict(a=1)),
        dict(type='MLflowVisBackend'),
    ]
    cfg = Config()
    use_trackers(cfg, ['tensorboard'])
    types = [backend.type for backend in cfg.visualizer.vis_backends]
    assert types == ['LocalVisBackend', 'TensorboardVisBackend']


def test_wrong_names():
    with pytest.raises(UserError, match='--tracker board: there is no such tracker; the choices are '):
        use_trackers(Config(), ['board'])
    with pytest.raises(UserError, match='--tracker must be unique'):
        use_trackers(Config(), ['wandb', 'wandb'])
