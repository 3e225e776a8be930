"""What importing and building a Predictor leaves behind in a user's own program: nothing."""

import os

import torch
from mmengine.runner import CheckpointLoader

from mmcrossformer.apis.predictor import Predictor


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
