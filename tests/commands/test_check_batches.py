"""Batches that training cannot use are reported before it starts."""

import pytest
import torch
from checked import findings_of
from mmengine.registry import MODELS, init_default_scope
from quick import CONFIGS

from mmcrossformer.config.read import read_config
from mmcrossformer.engine.check.batches import check_batches

pytestmark = pytest.mark.hosts


@pytest.fixture
def segmenter():
    """UPerNet, which pools to 1 x 1 and has batch norm behind that."""
    cfg = read_config(str(CONFIGS / 'upernet_crossformer_t_digits.py'))
    init_default_scope('mmseg')
    cfg.train_dataloader.update(drop_last=False, sampler=dict(type='DefaultSampler'))
    return cfg


def check(cfg, total, **loader):
    cfg.train_dataloader.update(loader)
    return [str(finding) for finding in check_batches(cfg, cfg.train_dataloader.dataset, total)]


def test_batches_of_one_image(segmenter):
    (text,) = check(segmenter, 6, batch_size=1)
    assert text.startswith('error: model.decode_head has batch norm over one value for each image (psp_modules.0.1.bn)')
    assert 'refuses in training with batches of one image. Set train_dataloader.batch_size to 2 or more' in text
    assert check(segmenter, 6, batch_size=2) == []


def test_it_is_what_torch_refuses(segmenter):
    head = MODELS.build(segmenter.model.decode_head)
    maps = [torch.rand(1, channels, 4, 4) for channels in segmenter.model.decode_head.in_channels]
    with pytest.raises(ValueError, match='Expected more than 1 value per channel'):
        head(maps)
    head([part.repeat(2, 1, 1, 1) for part in maps])


def test_last_batches_of_one_image(segmenter, monkeypatch):
    (text,) = check(segmenter, 9, batch_size=4)
    assert 'with batches whose last one, of 9 images in batches of 4, has one image. Set train_dataloader.drop_' in text
    assert check(segmenter, 10, batch_size=4) == []
    assert check(segmenter, 9, batch_size=4, drop_last=True) == []
    assert check(segmenter, 9, batch_size=4, drop_last=False, sampler=dict(type='InfiniteSampler')) == []
    # Samplers share the images, rounded up.
    monkeypatch.setenv('WORLD_SIZE', '2')
    segmenter.train_dataloader.sampler.type = 'DefaultSampler'
    assert check(segmenter, 9, batch_size=4) != []
    assert check(segmenter, 11, batch_size=4) == []


def test_norms_over_all_processes(segmenter, monkeypatch):
    segmenter.model.decode_head.norm_cfg = dict(type='SyncBN')
    assert len(check(segmenter, 6, batch_size=1)) == 1
    monkeypatch.setenv('WORLD_SIZE', '2')
    assert check(segmenter, 6, batch_size=1) == []


@pytest.mark.parametrize(
    ('norm', 'wrong'), [(dict(type='GN', num_groups=2), False), (None, False), (dict(type='BN'), True)]
)
def test_other_norms(norm, wrong, segmenter):
    segmenter.model.decode_head.norm_cfg = norm
    assert bool(check(segmenter, 6, batch_size=1)) == wrong


def test_classifiers():
    cfg = read_config(str(CONFIGS / 'crossformer_t_digits.py'))
    init_default_scope('mmpretrain')
    assert check(cfg, 6, batch_size=1) == []
    cfg.model.head = dict(
        type='StackedLinearClsHead', num_classes=10, in_channels=512, mid_channels=[16], norm_cfg=dict(type='BN1d')
    )
    (text,) = check(cfg, 6, batch_size=1)
    assert text.startswith('error: model.head has batch norm over one value for each image (layers.0.norm)')
    cfg.model.head.type = 'NoHead'
    (text,) = check(cfg, 6, batch_size=1)
    assert text.startswith('error: model.head cannot be built: NoHead')


def test_no_batch_is_complete(segmenter):
    (text,) = check(segmenter, 3, batch_size=4, drop_last=True)
    assert 'has 3 images for each process, batch_size=4 and drop_last=True: no batch is complete, and an epoch' in text
    assert check(segmenter, 4, batch_size=4) == []
    # What a wrapper makes of the number is not known.
    own = segmenter.train_dataloader.dataset
    segmenter.train_dataloader.dataset = dict(type='RepeatDataset', times=2, dataset=own)
    assert check_batches(segmenter, own, 3) == []


def test_the_command_counts_the_images(call, quick):
    code, text = call('check', quick('crossformer_t_digits'), '--cfg-options', 'train_dataloader.batch_size=21')
    assert code == 2
    assert 'error: train_dataloader has 20 images for each process, batch_size=21 and drop_last=True' in text


@pytest.mark.parametrize(('indices', 'wrong'), [(1, True), (-1, True), ([3], True), (2, False), ([0, 3], False)])
def test_a_part_of_a_data_set(indices, wrong, job):
    job.train_dataloader.dataset.indices = indices
    texts = [text for text in findings_of(job) if 'no batch is complete' in text]
    assert len(texts) == wrong
