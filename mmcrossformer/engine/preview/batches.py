"""The first pictures of a training, as the network gets them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope
from mmengine.structures import BaseDataElement
from torch import Tensor, nn

from mmcrossformer.config.walk import datasets_of, dicts_in, model_settings, type_name
from mmcrossformer.engine.plain_loader import build_plain_loader
from mmcrossformer.utils.random_state import own_random_state

# Augmentations of batches that change nothing in the first steps, and ask mmengine's runner for the step.
_LATER = ('BatchSyncRandomResize',)


@dataclass(frozen=True)
class View:
    """What the network gets of a picture at one resolution.

    Attributes:
        pixels: Pixels [H, W, 3], uint8, RGB; the normalisation is undone.
        sample: Its annotations.
    """

    pixels: np.ndarray
    sample: BaseDataElement


def first_pictures(cfg: Config, number: int) -> tuple[list[list[View]], dict[str, Any]]:
    """Loads the first pictures of a training: data set, wrappers, sampler, batches and preprocessor are those of it.

    The random numbers of this process stay as they are.

    Args:
        cfg: The config.
        number: Number of pictures at most; fewer if an epoch has fewer.

    Returns:
        For each picture its views, one or, with several resolutions, one for each; and `metainfo` of the data set.
    """
    init_default_scope(cfg.default_scope)
    seed = cfg.get('randomness', {}).get('seed') or 0
    size = cfg.train_dataloader.get('batch_size')
    with own_random_state(seed), torch.no_grad():
        loader = build_plain_loader(cfg, seed, min(size, number) if size else None)
        preprocessor = build_preprocessor(cfg)
        restore = _restoration(cfg, preprocessor)
        pictures = (views for batch in loader for views in _views(preprocessor(batch, True), restore))
        return list(islice(pictures, number)), loader.dataset.metainfo


def build_preprocessor(cfg: Config) -> nn.Module:
    """Builds the preprocessor as the model does; classifiers of mmpretrain mix pictures in it."""
    model = model_settings(cfg)
    settings = dict(model.get('data_preprocessor') or {})
    if cfg.default_scope == 'mmpretrain':
        if type_name(model) == 'MultiResolutionClassifier':
            from mmcrossformer.classifiers.multi_resolution import build_preprocessor as build  # imports mmpretrain

            return build(settings, model.get('train_cfg'))
        settings = {'type': 'ClsDataPreprocessor', 'batch_augments': model.get('train_cfg'), **settings}
    elif augments := settings.get('batch_augments'):
        settings['batch_augments'] = [augment for augment in augments if type_name(augment) not in _LATER] or None
    return MODELS.build(settings)


@dataclass(frozen=True)
class _Restoration:
    """How pixels get back to 0 to 255, RGB."""

    mean: Tensor | float
    std: Tensor | float
    reverse: bool

    def __call__(self, image: Tensor) -> np.ndarray:
        """Converts an image [C, H, W] of any number of channels; of more than three, the first ones are seen."""
        pixels = (image.float() * self.std + self.mean).round().clamp(0, 255).to(torch.uint8)
        pixels = pixels[:3] if len(pixels) >= 3 else pixels[:1].expand(3, -1, -1)
        return pixels.flip(0 if self.reverse else ()).permute(1, 2, 0).contiguous().numpy()


def _restoration(cfg: Config, preprocessor: nn.Module) -> _Restoration:
    """Finds out how images are normalised, by the preprocessor or by the pipeline."""
    settings = dict(model_settings(cfg).get('data_preprocessor') or {})
    steps = [step for data in datasets_of(cfg.train_dataloader) for step in dicts_in(data.get('pipeline'))]
    if settings.get('mean') is None:
        settings |= next((step for step in steps if type_name(step) == 'Normalize'), {})
    mean, std = (torch.tensor(settings[key]).view(-1, 1, 1) if settings.get(key) else None for key in ('mean', 'std'))
    # mmcv loads BGR; data sets that are in memory come with RGB.
    loaded_bgr = any(type_name(step).startswith('LoadImage') for step in steps)
    swapped = any(settings.get(key) for key in ('bgr_to_rgb', 'rgb_to_bgr', 'to_rgb'))
    return _Restoration(0.0 if mean is None else mean, 1.0 if std is None else std, reverse=loaded_bgr != swapped)


def _views(batch: dict[str, Any], restore: _Restoration) -> Iterator[list[View]]:
    """Splits a batch into pictures, each with its views."""
    inputs, samples = batch['inputs'], batch['data_samples']
    if not isinstance(samples[0], Sequence):
        inputs, samples = [inputs], [samples]  # one resolution
    for images, of_images in zip(zip(*inputs, strict=True), zip(*samples, strict=True), strict=True):
        yield [View(restore(image), sample) for image, sample in zip(images, of_images, strict=True)]
