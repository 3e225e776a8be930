"""Checks the batches of training: that there are some, and that batch norm can work with them."""

from collections.abc import Iterator
from typing import Any

import torch
from mmengine.config import Config
from mmengine.registry import MODELS
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from mmcrossformer.engine.check.finding import Finding
from mmcrossformer.engine.processes import count_processes
from mmcrossformer.utils.errors import innermost, names

# Parts of segmenters and classifiers that may average over the image. In detectors, batch norm sees maps or many boxes.
_PARTS = dict(mmseg=('decode_head', 'auxiliary_head'), mmpretrain=('neck', 'head'))


def check_batches(cfg: Config, settings: dict[str, Any], total: int) -> list[Finding]:
    """Checks the batches of the training loader.

    Args:
        cfg: Config to train.
        settings: Settings of the data set for training.
        total: Number of its samples.

    Returns:
        The findings; none where a wrapper around the data set changes their number.
    """
    loader = cfg.train_dataloader
    size = loader.get('batch_size')
    if not size or not total or loader.dataset is not settings:
        return []
    samples = -(-total // count_processes())  # of one process; samplers round up
    endless = 'Infinite' in str((loader.get('sampler') or {}).get('type'))
    last = size if endless else samples % size or size
    if loader.get('drop_last') and not endless:
        if samples < size:
            return [
                Finding(
                    f'train_dataloader has {samples} images for each process, batch_size={size} and drop_last=True: no '
                    'batch is complete, and an epoch is empty. Set a smaller batch_size, or drop_last=False'
                )
            ]
        last = size
    if 1 not in (size, last):
        return []
    when = 'of one image' if size == 1 else f'whose last one, of {samples} images in batches of {size}, has one image'
    advice = 'Set train_dataloader.batch_size to 2 or more' if size == 1 else 'Set train_dataloader.drop_last=True'
    return list(_check_norms(cfg, when, advice))


def _check_norms(cfg: Config, when: str, advice: str) -> Iterator[Finding]:
    """Builds parts of the model, without memory for weights, and looks for norms that see one value of a channel."""
    for part in _PARTS.get(cfg.default_scope, ()):
        node = cfg.model.get(part)
        for head in node if isinstance(node, list | tuple) else [node]:
            if head is None:
                continue
            try:
                with torch.device('meta'):
                    module = MODELS.build(head)
            except Exception as error:  # a head of any library can raise anything
                yield Finding(f'model.{part} cannot be built: {innermost(error)}')
                continue
            found = list(_single_norms(module, flat=cfg.default_scope == 'mmpretrain'))
            if found:
                yield Finding(
                    f'model.{part} has batch norm over one value for each image ({names(found)}), which torch refuses '
                    f'in training with batches {when}. {advice}, or norm_cfg to one without batches, such as '
                    "dict(type='GN', num_groups=32)"
                )


def _single_norms(module: nn.Module, *, flat: bool) -> Iterator[str]:
    """Yields names of batch norms that see one value of each channel of an image: behind pooling, or of vectors."""
    for name, part in module.named_modules():
        if flat and isinstance(part, nn.BatchNorm1d):
            yield name
        pooled = False
        for key, child in part.named_children() if isinstance(part, nn.Sequential) else ():
            if pooled:
                yield from (
                    '.'.join(filter(None, (name, key, inner)))
                    for inner, norm in child.named_modules()
                    if isinstance(norm, _BatchNorm) and not _is_shared(norm)
                )
            pooled = pooled or _pools_to_one(child)


def _pools_to_one(module: nn.Module) -> bool:
    return isinstance(module, nn.AdaptiveAvgPool2d | nn.AdaptiveMaxPool2d) and module.output_size in (1, (1, 1))


def _is_shared(norm: nn.Module) -> bool:
    """Whether a norm sees the batches of all processes, which are several."""
    return isinstance(norm, nn.SyncBatchNorm) and count_processes() > 1
