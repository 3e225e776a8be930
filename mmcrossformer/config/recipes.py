"""Augmentation and length of training for small data sets, from the parts of mmdet, on top of any detection config."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mmengine.config import Config

from mmcrossformer.config.walk import datasets_of, dicts_in, schedulers_of, type_name
from mmcrossformer.utils.errors import UserError

# Steps that a recipe replaces: they set the size, or choose among pipelines that do.
_SIZING = ('Resize', 'RandomResize', 'RandomChoiceResize', 'RandomChoice', 'RandomCrop', 'Pad')
# Keys of schedulers that count epochs or iterations from the beginning.
_TIMES = ('begin', 'end', 'milestones', 'T_max', 'step_size')
_LOADS, _PACKS = 'Load', 'Pack'
_STRIDE = 32  # of the last map: the side of the frame is a multiple of it


@dataclass(frozen=True)
class Recipe:
    """A recipe.

    Attributes:
        jitter: Range of the factor of random resizing.
        colors: Whether brightness, contrast, saturation and hue are changed.
        mix: Whether several images are put together: copy-paste for masks, mosaics for boxes.
        factor: Length of training as a multiple of that of the config.
        images: Number of images that the network sees in training at least, each as often as there are epochs.
    """

    jitter: tuple[float, float]
    colors: bool
    mix: bool
    factor: int
    images: int


RECIPES = dict(
    small=Recipe((0.8, 1.25), colors=False, mix=False, factor=1, images=6_000),
    standard=Recipe((0.5, 2.0), colors=True, mix=False, factor=3, images=12_000),
    strong=Recipe((0.1, 2.0), colors=True, mix=True, factor=4, images=20_000),
)


def use_recipe(cfg: Config, name: str, images: int | None = None) -> tuple[str, ...]:
    """Sets augmentation and length of a detection config.

    Images are resized at random around the size of the config's training and cropped to a square frame of about its
    area. Of the config's pipeline, loading, packing and steps such as flips stay.

    Args:
        cfg: Config for mmdet; changed in place.
        name: One of `RECIPES`.
        images: Number of images to train on; None if it is not known, then the length is only a multiple.

    Returns:
        What was decided, a sentence each.

    Raises:
        UserError: The recipe does not exist, or the config is not for detection or has no size to resize to.
    """
    if name not in RECIPES:
        raise UserError(f'recipe {name!r} is none of {", ".join(RECIPES)}')
    if cfg.default_scope != 'mmdet':
        raise UserError(f'--recipe is for detection (mmdet); this config is for {cfg.default_scope}')
    recipe = RECIPES[name]
    masks = any(node.get('with_mask') for node in dicts_in(cfg.train_dataloader))
    for dataset in datasets_of(cfg.train_dataloader):
        steps = dataset.get('pipeline') or []
        side = _frame(steps)
        dataset['pipeline'], mixed = _augment(steps, recipe, side, masks)
    if recipe.mix:
        cfg.train_dataloader.dataset = dict(
            type='MultiImageMixDataset', dataset=cfg.train_dataloader.dataset, pipeline=mixed
        )
    note = f'recipe {name}: sizes from {recipe.jitter[0]:g} to {recipe.jitter[1]:g} times {side} pixels'
    note += ', colours' * recipe.colors
    if recipe.mix:
        note += ', copy-paste' if masks else ', mosaics'
    return (f'{note}; {_lengthen(cfg, recipe, images)}',)


def _frame(steps: Sequence[dict[str, Any]]) -> int:
    """Returns the side of a square of about the area to which a pipeline resizes: of 1333 x 800, 1024."""
    for node in dicts_in(list(steps)):
        scale = node.get('scale') or node.get('scales')
        if type_name(node) in _SIZING and scale:
            largest = scale[-1] if isinstance(scale[0], list | tuple) else scale
            area = math.prod(largest) if isinstance(largest, list | tuple) else largest**2
            return max(_STRIDE, round(math.sqrt(area) / _STRIDE) * _STRIDE)
    raise UserError('--recipe: the training pipeline of the config has no Resize with a scale')


def _augment(
    steps: Sequence[dict[str, Any]], recipe: Recipe, side: int, masks: bool
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Returns the pipeline of the data set, and that which goes on with several images."""
    loads = [step for step in steps if type_name(step).startswith(_LOADS)]
    packs = [step for step in steps if type_name(step).startswith(_PACKS)]
    others = [step for step in steps if type_name(step) not in _SIZING and step not in loads and step not in packs]
    resize = dict(type='RandomResize', scale=(side, side), ratio_range=recipe.jitter, keep_ratio=True)
    crop = dict(type='RandomCrop', crop_size=(side, side), recompute_bbox=masks, allow_negative_crop=True)
    # Boxes without an area, of objects that are cut off or covered, would make the loss infinite.
    whole = dict(type='FilterAnnotations', min_gt_bbox_wh=(1, 1), keep_empty=False)
    sizing = [resize, crop, whole]
    colors = [dict(type='PhotoMetricDistortion')] if recipe.colors else []
    if not recipe.mix:
        return [*loads, *sizing, *others, *colors, *packs], []
    if masks:
        pad = dict(type='Pad', size=(side, side), pad_val=dict(img=(114, 114, 114)))
        return [*loads, *sizing, *others, *colors, pad], [dict(type='CopyPaste', max_num_pasted=100), whole, *packs]
    mosaic = dict(type='Mosaic', img_scale=(side, side), pad_val=114.0, prob=0.5)
    return loads, [mosaic, *sizing, *others, *colors, *packs]


def _lengthen(cfg: Config, recipe: Recipe, images: int | None) -> str:
    """Stretches training and schedules; returns the new length."""
    loop = cfg.train_cfg
    unit = 'max_epochs' if 'max_epochs' in loop else 'max_iters'
    before = loop[unit]
    factor = float(recipe.factor)
    if images and unit == 'max_epochs':
        factor = max(factor, recipe.images / images / before)
    after = math.ceil(before * factor)
    loop[unit] = after
    for _, scheduler in schedulers_of(cfg):
        _stretch(scheduler, before, after, by_epoch=unit == 'max_epochs')
    if unit == 'max_epochs':
        # About twelve validations and states, however short the epochs are.
        interval = max(1, after // 12)
        loop['val_interval'] = interval
        cfg.default_hooks.checkpoint.interval = interval
    return f'{after} {unit.removeprefix("max_")} in place of {before}'


def _stretch(scheduler: dict[str, Any], before: int, after: int, *, by_epoch: bool) -> None:
    """Stretches a scheduler that counts as the loop does; a warm-up keeps its length."""
    if scheduler.get('by_epoch', True) != by_epoch or (scheduler.get('end') or before) < before:
        return
    for key in _TIMES:
        value = scheduler.get(key)
        if isinstance(value, int):
            scheduler[key] = round(value * after / before)
        elif isinstance(value, list | tuple):
            scheduler[key] = [round(item * after / before) for item in value]
