"""What users import, and what building a Predictor costs and leaves behind in a user's own program."""

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from mmengine.runner import CheckpointLoader

from mmcrossformer import apis
from mmcrossformer.apis import Predictor
from mmcrossformer.apis.predictor import Predictor as PredictorOfModule

pytestmark = pytest.mark.hosts


def test_names_are_those_of_the_modules():
    assert Predictor is PredictorOfModule
    assert all(getattr(apis, name).__module__.startswith('mmcrossformer.') for name in apis.__all__)
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


def test_threads_share_predictors(quick):
    """Of two host libraries, whose scopes exclude each other."""
    detector, classifier = (
        Predictor(quick(name)) for name in ('mask_rcnn_crossformer_t_digits', 'crossformer_t_digits')
    )
    noise = np.random.default_rng(0)
    images = [noise.integers(0, 255, (40 + 8 * i, 96 - 8 * i, 3), dtype=np.uint8) for i in range(6)]
    work = [(predictor, image, size) for image in images for predictor in (detector, classifier) for size in (None, 48)]
    expected = [predictor(image, size) for predictor, image, size in work]
    with ThreadPoolExecutor(8) as pool:
        found = [*pool.map(lambda task: task[0](*task[1:]), work * 3)]
    for one, other in zip(found, expected * 3, strict=True):
        assert np.array_equal(one.labels, other.labels)
        assert np.array_equal(one.scores, other.scores)
        assert (one.boxes is None) == (other.boxes is None)
        if one.boxes is not None:
            assert np.array_equal(one.boxes, other.boxes)


def test_tiles_of_threads_share_a_segmenter(quick):
    """The model runs in one thread at a time; heads may keep values between their steps."""
    predictor = Predictor(quick('upernet_crossformer_t_digits'))
    running, together = [], []

    def begin(*_):
        running.append(1)
        together.append(len(running))

    predictor.model.register_forward_pre_hook(begin)
    predictor.model.register_forward_hook(lambda *_: running.pop() and None)
    image = np.random.default_rng(0).integers(0, 255, (64, 80, 3), dtype=np.uint8)
    with ThreadPoolExecutor(3) as pool:
        first, *others = pool.map(lambda _: apis.predict_tiled(predictor, image, apis.Tiling(48)), range(3))
    assert {*together} == {1}
    assert len(together) == 3 * 5  # four tiles and the whole picture
    assert all(np.array_equal(first.segments, other.segments) for other in others)
