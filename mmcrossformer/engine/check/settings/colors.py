"""Checks that the mean of the images is in the order of their channels."""

from collections.abc import Iterator
from typing import Any

from mmengine.config import Config

from mmcrossformer.config.walk import datasets_of, dicts_in, model_settings, type_name
from mmcrossformer.engine.check.finding import Finding

# Means of ImageNet in the order red, green, blue, on the scale of 0 to 255, rounded.
_RED_FIRST = [124, 116, 104]


def check_colors(cfg: Config) -> Iterator[Finding]:
    """Checks ImageNet's mean against the conversion of `LoadImageFromFile`'s blue, green, red."""
    settings = model_settings(cfg).get('data_preprocessor') or {}
    mean = settings.get('mean')
    steps = [step for data in datasets_of(cfg.get('train_dataloader')) for step in dicts_in(data.get('pipeline'))]
    if not isinstance(mean, list | tuple) or not steps or not all(_loads_blue_first(step) for step in steps):
        return
    name = 'to_rgb' if cfg.default_scope == 'mmpretrain' else 'bgr_to_rgb'
    rounded, red_first = [round(value) for value in mean], bool(settings.get(name))
    if rounded in (_RED_FIRST, _RED_FIRST[::-1]) and red_first != (rounded == _RED_FIRST):
        order = 'red, green, blue' if rounded == _RED_FIRST else 'blue, green, red'
        yield Finding(
            f'data_preprocessor.mean is {list(mean)}, which is in the order {order}, and {name}={red_first} gives the '
            f'other: colours are swapped, and pretrained weights fit less. Set {name}={not red_first}',
            warning=True,
        )


def _loads_blue_first(step: dict[str, Any]) -> bool:
    """Whether a step keeps the order of channels that mmcv's decoders give, as all do by default."""
    kind = type_name(step)
    return step.get('imdecode_backend') != 'tifffile' and 'to_rgb' not in step and not kind.startswith('NumpyToPIL')
