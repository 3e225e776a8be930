"""Checks that the packages of experiment trackers are installed."""

from collections.abc import Iterator
from importlib.util import find_spec

from mmengine.config import Config

from mmcrossformer.engine.check.finding import Finding

# Type of backend -> module that it imports, and package that has it.
_PACKAGES = dict(
    TensorboardVisBackend=('tensorboard', 'tensorboard'),
    WandbVisBackend=('wandb', 'wandb'),
    MLflowVisBackend=('mlflow', 'mlflow'),
    ClearMLVisBackend=('clearml', 'clearml'),
    NeptuneVisBackend=('neptune', 'neptune'),
    DVCLiveVisBackend=('dvclive', 'dvclive'),
    AimVisBackend=('aim', 'aim'),
)


def check_trackers(cfg: Config) -> Iterator[Finding]:
    """Checks the packages of the backends of the visualizer."""
    for backend in (cfg.get('visualizer') or {}).get('vis_backends') or []:
        kind = str(backend.get('type')).rpartition('.')[2]
        if kind in _PACKAGES and find_spec(_PACKAGES[kind][0]) is None:
            module, package = _PACKAGES[kind]
            yield Finding(
                f'visualizer.vis_backends has {kind}, which needs {module}, which is not installed: '
                f'pip install {package}'
            )
