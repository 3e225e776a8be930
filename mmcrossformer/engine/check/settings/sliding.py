"""Checks the windows of segmenters that predict part by part."""

from collections.abc import Iterator
from typing import Any

from mmengine.config import Config

from mmcrossformer.engine.check.finding import Finding


def check_sliding(cfg: Config) -> Iterator[Finding]:
    """Checks size and stride of the windows; without them, the first validation fails."""
    settings: dict[str, Any] = cfg.model.get('test_cfg') or {}
    if cfg.default_scope != 'mmseg' or settings.get('mode') != 'slide':
        return
    for name in ('crop_size', 'stride'):
        value = settings.get(name)
        if not isinstance(value, list | tuple) or len(value) != 2 or min(value) < 1:
            yield Finding(
                f"model.test_cfg has mode='slide' and {name}={value}: set model.test_cfg.{name} to height and width "
                f'in pixels, such as {(512, 512) if name == "crop_size" else (341, 341)}'
            )
            return
    stride, size = tuple(settings['stride']), tuple(settings['crop_size'])
    if any(step > side for step, side in zip(stride, size, strict=True)):
        yield Finding(
            f'model.test_cfg.stride is {stride}, more than crop_size {size}: pixels between the windows get no '
            'prediction, which mmseg refuses. Set a smaller stride'
        )
