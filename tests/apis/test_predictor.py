"""What users import, and what building a Predictor costs and leaves behind in a user's own program."""

import os

import pytest
import torch
from mmengine.runner import CheckpointLoader

from mmcrossformer import apis
from mmcrossformer.apis import Predictor
from mmcrossformer.apis.predictor import Predictor as PredictorOfModule

pytestmark = pytest.mark.hosts


def test_names_are_those_of_the_modules():
    assert Predictor is PredictorOfModule
    assert all(getattr(apis, name).__module__.startswith('mmcrossformer.apis.') for name in apis.__all__)
    assert {*apis.__all__} <= {*dir(apis)}
    with pytest.raises(ImportError, match="cannot import name 'Predicter'"):
        from mmcrossformer.apis import Predicter  # noqa: F401


def test_a_checkpoint_is_read_once(quick, tmp_path, monkeypatch):
    config, path = quick('crossformer_t_digits'), tmp_path / 'weights.pth'
    classes = tuple('abcdefghij')
    state = Predictor(config).model.state_dict()
    torch.save(dict(state_dict=state, meta=dict(dataset_meta=dict(classes=classes))), path)
    load, read = torch.load, []
    monkeypatch.setattr(torch, 'load', lambda file, **options: read.append(file) or load(file, **options))
    assert Predictor(config, path).classes == classes
    assert read == [path]


class Own:
    """Something that a user's own checkpoint holds, which only code can read."""


def test_own_ways_of_loading_are_kept(quick, tmp_path, monkeypatch):
    monkeypatch.delenv('TORCH_FORCE_WEIGHTS_ONLY_LOAD', raising=False)
    schemes = dict(CheckpointLoader._schemes)
    Predictor(quick('crossformer_t_digits'))
    assert 'TORCH_FORCE_WEIGHTS_ONLY_LOAD' not in os.environ
    assert CheckpointLoader._schemes == schemes
    torch.save(dict(own=Own()), tmp_path / 'own.pth')
    assert isinstance(torch.load(tmp_path / 'own.pth', weights_only=False)['own'], Own)
