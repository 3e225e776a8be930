"""Checks that packages which only some configs need are installed."""

from collections.abc import Iterator
from importlib.util import find_spec

from mmengine.config import Config

from mmcrossformer.config.walk import datasets_of, dicts_in, evaluators_of, type_name
from mmcrossformer.engine.check.finding import Finding
from mmcrossformer.utils.hosts import INSTALL_PANOPTIC

# Type of backend -> module that it imports, and package that has it.
_TRACKERS = dict(
    TensorboardVisBackend=('tensorboard', 'tensorboard'),
    WandbVisBackend=('wandb', 'wandb'),
    MLflowVisBackend=('mlflow', 'mlflow'),
    ClearMLVisBackend=('clearml', 'clearml'),
    NeptuneVisBackend=('neptune', 'neptune'),
    DVCLiveVisBackend=('dvclive', 'dvclive'),
    AimVisBackend=('aim', 'aim'),
)
# What mmdet reads and evaluates panoptic pictures with.
_PANOPTIC = ('LoadPanopticAnnotations', 'CocoPanopticMetric')


def check_packages(cfg: Config) -> Iterator[Finding]:
    """Checks the packages of experiment trackers and of panoptic segmentation."""
    for backend in (cfg.get('visualizer') or {}).get('vis_backends') or []:
        module, package = _TRACKERS.get(type_name(backend), (None, None))
        if module and find_spec(module) is None:
            yield Finding(
                f'visualizer.vis_backends has {type_name(backend)}, which needs {module}, which is not installed: '
                f'pip install {package}'
            )
    nodes = [node for part in ('train', 'val') for node in [*datasets_of(cfg.get(f'{part}_dataloader'))]]
    kinds = {type_name(node) for node in dicts_in([*nodes, *evaluators_of(cfg, 'val')])}
    needed = [kind for kind in _PANOPTIC if kind in kinds]
    if needed and find_spec('panopticapi') is None:
        yield Finding(
            f'{" and ".join(needed)} need{"" if len(needed) > 1 else "s"} panopticapi, which is not installed: '
            f'{INSTALL_PANOPTIC}'
        )
