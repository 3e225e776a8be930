"""Checks what the preprocessor of the model makes of images."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import torch
from mmengine.registry import FUNCTIONS, MODELS
from torch import Tensor

from mmcrossformer.engine.check.finding import Finding
from mmcrossformer.utils.errors import innermost, names

# Values of 0 to 255, less a mean and divided by a standard deviation of 1 or more, are not beyond this.
_LARGEST = 300
# Images with values up to this are normalized already, or stored as 0 to 1.
_SMALL = 10


def check_inputs(
    settings: dict[str, Any], loader: dict[str, Any], part: str, samples: Sequence[dict[str, Any]]
) -> list[Finding]:
    """Checks that images can be made a batch, and that they are normalized once.

    Args:
        settings: Settings of the preprocessor.
        loader: Settings of the loader.
        part: `train` or `val`.
        samples: What the pipeline gives.
    """
    kind = settings['type']
    # Augmentations of batches can depend on the progress of training.
    preprocess = MODELS.build({key: value for key, value in settings.items() if key != 'batch_augments'})
    batch = list(samples[: loader.get('batch_size') or 1])
    images = [image for sample in batch for image in _tensors(sample['inputs'])]
    stored = (min(float(image.min()) for image in images), max(float(image.max()) for image in images))
    whole = any(not image.is_floating_point() for image in images)
    try:
        result = preprocess(_collate(loader)(batch), part == 'train')
    except Exception as error:  # of torch, or of any library
        sizes = sorted({' x '.join(map(str, image.shape[-2:])) for image in images})
        advice = '. Crop or resize them to one size, or set size in model.data_preprocessor' if len(sizes) > 1 else ''
        return [
            Finding(
                f'images of {part}_dataloader cannot be made a batch of {len(batch)} by collate_fn and {kind}, with '
                f'height x width {names(sizes)}: {innermost(error)}{advice}'
            )
        ]
    largest = max(float(image.abs().max()) for image in _tensors(result['inputs']))
    return list(_check_values(settings, part, stored, largest, whole=whole))


def _check_values(
    settings: dict[str, Any], part: str, stored: tuple[float, float], largest: float, *, whole: bool
) -> Iterator[Finding]:
    mean, std = settings.get('mean'), settings.get('std')
    if not mean or not std:
        return  # some models take images as they are
    given = f'mean={list(mean)} and std={list(std)} of data_preprocessor'
    if not whole and max(map(abs, stored)) <= _SMALL < max(std):
        yield Finding(
            f'the pipeline of {part}_dataloader gives values from {stored[0]:.3g} to {stored[1]:.3g}, and {given} are '
            'for values from 0 to 255: every image gets nearly the same values. Normalize in one of both places',
            warning=True,
        )
    elif largest > _LARGEST:
        yield Finding(
            f'images of {part}_dataloader have values up to {largest:.0f} once they are normalized: {given} do not '
            f'fit values from {stored[0]:.3g} to {stored[1]:.3g}. For images of 8 bits set mean and std on the scale '
            'of 0 to 255, such as mean=[123.675, 116.28, 103.53] and std=[58.395, 57.12, 57.375]',
            warning=True,
        )


def _collate(loader: dict[str, Any]) -> Callable:
    """Returns the function that makes samples a batch, as mmengine's runner finds it."""
    settings = dict(loader.get('collate_fn') or dict(type='pseudo_collate'))
    kind = settings.pop('type')
    return partial(FUNCTIONS.get(kind) if isinstance(kind, str) else kind, **settings)


def _tensors(value: Any) -> list[Tensor]:
    """Returns the images of inputs: one, or one for each view."""
    return [value] if isinstance(value, torch.Tensor) else [image for part in value for image in _tensors(part)]
