"""Checks that packages which only some configs need are installed."""

from collections.abc import Iterator
from importlib.util import find_spec

from mmengine.config import Config

from mmcrossformer.config.trackers import BY_BACKEND, missing_modules
from mmcrossformer.config.walk import datasets_of, dicts_in, evaluators_of, type_name
from mmcrossformer.engine.check.finding import Finding
from mmcrossformer.utils.hosts import INSTALL_PANOPTIC

# What mmdet reads and evaluates panoptic pictures with.
_PANOPTIC = ('LoadPanopticAnnotations', 'CocoPanopticMetric')


def check_packages(cfg: Config) -> Iterator[Finding]:
    """Checks the packages of experiment trackers and of panoptic segmentation."""
    for backend in (cfg.get('visualizer') or {}).get('vis_backends') or []:
        tracker = BY_BACKEND.get(type_name(backend))
        if tracker and (missing := missing_modules(tracker)):
            yield Finding(
                f'visualizer.vis_backends has {type_name(backend)}, which needs {" and ".join(missing)}, which '
                f'{"is" if len(missing) == 1 else "are"} not installed: {tracker.install}'
            )
    nodes = [node for part in ('train', 'val') for node in [*datasets_of(cfg.get(f'{part}_dataloader'))]]
    kinds = {type_name(node) for node in dicts_in([*nodes, *evaluators_of(cfg, 'val')])}
    needed = [kind for kind in _PANOPTIC if kind in kinds]
    if needed and find_spec('panopticapi') is None:
        yield Finding(
            f'{" and ".join(needed)} need{"" if len(needed) > 1 else "s"} panopticapi, which is not installed: '
            f'{INSTALL_PANOPTIC}'
        )
