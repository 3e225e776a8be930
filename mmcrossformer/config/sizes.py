"""Reads and changes the image sizes of pipelines."""

import copy
from collections.abc import Sequence
from typing import Any

from mmengine.config import Config

from mmcrossformer.config.walk import datasets_of, dicts_in, type_name
from mmcrossformer.utils.errors import UserError

# Steps of test pipelines whose `scale` or `crop_size` is their output size.
_SCALED = ('Resize', 'ResizeEdge', 'CenterCrop')
_SIZES = ('scale', 'crop_size')
# Steps of mmdet's pipelines that resize boxes.
_RESIZES = ('Resize', 'RandomResize', 'RandomChoiceResize')
# Arguments that may set a size in other ways.
_UNKNOWN = ('scales', 'scale_factor', 'size', 'width', 'height', 'transforms')


def default_sizes(own: int) -> list[int]:
    """Returns sizes from half of a size to twice the size."""
    return list(dict.fromkeys(max(1, round(own * factor)) for factor in (0.5, 0.75, 1, 1.25, 1.5, 2)))


def input_shape(cfg: Config) -> tuple[int, int]:
    """Returns height and width of the output of the test pipeline: those of its last resize or crop.

    Raises:
        UserError: The pipeline has no resize or crop.
    """
    datasets = datasets_of(cfg.get('test_dataloader'))
    steps = [step for dataset in datasets for step in dataset.get('pipeline', [])]
    sizes = [size for step in steps if (size := step.get('crop_size', step.get('scale'))) is not None]
    if not sizes:
        raise UserError(
            'the test pipeline of the config sets no size (scale or crop_size); `mmcrossformer analyze` takes one: '
            '--shape HEIGHT WIDTH'
        )
    width, height = (sizes[-1], sizes[-1]) if isinstance(sizes[-1], int) else sizes[-1]
    return height, width


def own_size(cfg: Config) -> int:
    """Returns the shorter side of the output of the test pipeline, in pixels.

    Raises:
        UserError: See `input_shape`.
    """
    return min(input_shape(cfg))


def scale_test_pipeline(cfg: Config, size: int) -> Config:
    """Copies a config with another input size in the test pipeline.

    Every size of the pipeline is multiplied by the same factor and rounded; the last one, the model input, is exact.

    Args:
        cfg: The config.
        size: Shorter side of the model input in pixels.

    Raises:
        UserError: The size of a step cannot be changed, or no step sets one.
    """
    factor = size / own_size(cfg)
    cfg = copy.deepcopy(cfg)
    for dataset in datasets_of(cfg.test_dataloader):
        steps = dataset.get('pipeline', [])
        for number, step in enumerate(steps):
            _check_step(step)
            for key in _SIZES:
                if key in step:
                    last = not any(other in later for later in steps[number + 1 :] for other in _SIZES)
                    step[key] = _scale_size(step[key], factor, size if last else None)
    return cfg


def trained_sizes(cfg: Config) -> list[int]:
    """Returns the shorter sides of the outputs of the training pipeline, smallest first; empty if unknown."""
    sizes: set[int] = set()
    for dataset in datasets_of(cfg.get('train_dataloader')):
        steps = dataset.get('pipeline', [])
        for view in pipeline_views(steps) or [steps]:
            sizes |= set(last_sizes(view))
    return sorted(sizes)


def pipeline_views(steps: Sequence[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Returns the steps of each view of mmpretrain's `MultiView` in a pipeline; empty without it."""
    for step in steps:
        if step['type'] == 'MultiView':
            counts = step['num_views']
            counts = [counts] if isinstance(counts, int) else counts
            return [list(inner) for inner, count in zip(step['transforms'], counts, strict=True) for _ in range(count)]
    return []


def last_sizes(steps: Sequence[dict[str, Any]]) -> list[int]:
    """Returns the possible shorter sides of the last step with a size; empty if unknown."""
    if any('transforms' in step for step in steps):
        return []  # depends on nested steps
    last = [step.get('crop_size', step.get('scales', step.get('scale'))) for step in steps]
    value = next((value for value in reversed(last) if value is not None), None)
    if value is None:
        return []
    if isinstance(value, int):
        return [value]
    return [min(value)] if isinstance(value[0], int) else [min(pair) for pair in value]


def resize_factors(pipeline: Sequence[dict[str, Any]], width: int, height: int) -> tuple[float, float]:
    """Returns by what a pipeline multiplies width and height of an image; 1 if it does not resize, or in other ways.

    Args:
        pipeline: Steps of a pipeline. Of several scales, the middle one counts, of several steps the first.
        width: Width of the image in pixels.
        height: Height of the image in pixels.
    """
    for step in dicts_in(list(pipeline)):
        scales = step.get('scales', step.get('scale'))
        if type_name(step) not in _RESIZES or not scales:
            continue
        several = not isinstance(scales, int) and not isinstance(scales[0], int)
        scale = scales[len(scales) // 2] if several else scales
        ratio = sum(step.get('ratio_range') or (1, 1)) / 2
        across, down = (ratio * side for side in ((scale, scale) if isinstance(scale, int) else scale))
        if step.get('keep_ratio'):
            factor = min(max(across, down) / max(width, height), min(across, down) / min(width, height))
            return factor, factor
        return across / width, down / height
    return 1.0, 1.0


def _check_step(step: dict[str, Any]) -> None:
    name = type_name(step)
    sized = any(key in step for key in _SIZES)
    unknown = [key for key in _UNKNOWN if step.get(key) is not None]
    if unknown or (sized and name not in _SCALED):
        what = unknown[0] if unknown else next(key for key in _SIZES if key in step)
        raise UserError(
            f'the test pipeline has a step {name} with {what}={step[what]}, which cannot be set to other sizes: only '
            f'scale and crop_size of {", ".join(_SCALED)} can'
        )


def _scale_size(value: Any, factor: float, shorter: int | None) -> Any:
    """Returns a size times a factor; the shorter side is `shorter` if set."""
    if isinstance(value, int):
        return shorter or max(1, round(value * factor))
    sides = [max(1, round(side * factor)) for side in value]
    return tuple(shorter if shorter and side == min(value) else new for side, new in zip(value, sides, strict=True))
