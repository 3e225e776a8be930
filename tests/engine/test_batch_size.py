"""Batch sizes, and the learning rates that fit them."""

import pytest
import torch
from checked import own_job
from mmengine.config import Config

from mmcrossformer.engine.batch_size import largest_that_fits, use_batch_size
from mmcrossformer.engine.largest_batch import find_batch_size
from mmcrossformer.utils.errors import UserError


def job(**more):
    return Config(
        dict(train_dataloader=dict(batch_size=4), optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1)), **more)
    )


def test_linear_rule():
    cfg = job(auto_scale_lr=dict(base_batch_size=16, enable=True))
    notes = use_batch_size(cfg, 8)
    assert cfg.train_dataloader.batch_size == 8
    assert cfg.optim_wrapper.optimizer.lr == pytest.approx(0.05)
    assert not cfg.auto_scale_lr.enable
    assert cfg.auto_scale_lr.base_batch_size == 8  # what the rate is for now
    assert 'learning rate 0.05 by the linear rule' in notes[1]
    cfg = job()
    use_batch_size(cfg, 2)
    assert cfg.optim_wrapper.optimizer.lr == pytest.approx(0.05)
    assert len(use_batch_size(job(), 4)) == 1


def test_impossible_sizes():
    with pytest.raises(UserError, match='from 1 on, got 0'):
        use_batch_size(job(), 0)
    cfg = job()
    cfg.train_dataloader.batch_size = None
    with pytest.raises(UserError, match='which the config does not set'):
        use_batch_size(cfg, 2)


@pytest.mark.parametrize('highest', [1, 2, 7, 64])
def test_search(highest):
    for limit in range(1, highest + 2):
        tried = []

        def fits(size, limit=limit, tried=tried):
            tried.append(size)
            if size > limit:
                raise torch.cuda.OutOfMemoryError
            return True

        assert largest_that_fits(fits, highest) == min(limit, highest)
        failed = [size for size in tried if size > limit]
        assert failed == sorted(failed, reverse=True)
        assert len(tried) <= 14
        assert max(tried) <= highest
    with pytest.raises(UserError, match='not even one image'):
        largest_that_fits(lambda size: False, highest)


@pytest.mark.skipif(torch.cuda.is_available(), reason='on a GPU, steps decide')
def test_auto_on_processors(data):
    cfg = own_job(data, 'retinanet_crossformer_t_digits')
    size, reason = find_batch_size(cfg)
    assert size == cfg.train_dataloader.batch_size == 2
    assert 'that of the config' in reason
    cfg.train_dataloader.batch_size = 64
    assert find_batch_size(cfg)[0] == 4  # there are no more images
    cfg.train_dataloader.dataset = dict(type='RepeatDataset', times=100, dataset=cfg.train_dataloader.dataset)
    assert find_batch_size(cfg)[0] == 8


@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a GPU')
def test_auto_on_a_gpu(data):
    """The largest batch leaves some memory, the next one does not."""
    cfg = own_job(data, 'mask_rcnn_crossformer_t_digits')
    cfg.train_dataloader.dataset = dict(type='RepeatDataset', times=10**6, dataset=cfg.train_dataloader.dataset)
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction(4 * 2**30 / total)  # 4 GiB: beyond, torch raises
    try:
        size, _ = find_batch_size(cfg)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert 1 < size < 10**5
    assert torch.cuda.memory_allocated() < 2**20
