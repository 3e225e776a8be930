"""Experiment trackers that a training logs to beside its own files."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec

from mmengine.config import Config

from mmcrossformer.config.walk import type_name
from mmcrossformer.utils.errors import UserError, check_unique


@dataclass(frozen=True)
class Tracker:
    """A tracker that mmengine has a backend for.

    Attributes:
        backend: Type of the backend.
        modules: What the backend imports.
        install: Command that installs them.
        setup: What it needs before the first run, or where it logs.
    """

    backend: str
    modules: tuple[str, ...]
    install: str
    setup: str


# In each case the folder is `<work directory>/<time>/vis_data`, unless something else is said.
TRACKERS = dict(
    tensorboard=Tracker(
        'TensorboardVisBackend',
        ('tensorboard',),
        "pip install 'mmcrossformer[tensorboard]'",
        'see it with tensorboard --logdir WORK_DIR',
    ),
    wandb=Tracker(
        'WandbVisBackend', ('wandb',), 'pip install wandb', 'run wandb login once, or set WANDB_MODE=offline'
    ),
    mlflow=Tracker('MLflowVisBackend', ('mlflow',), 'pip install mlflow', 'logs to files in the work directory'),
    clearml=Tracker(
        'ClearMLVisBackend', ('clearml',), 'pip install clearml', 'run clearml-init once, or set CLEARML_OFFLINE_MODE=1'
    ),
    neptune=Tracker(
        'NeptuneVisBackend',
        ('neptune',),
        'pip install neptune',
        'logs offline unless the config sets a project',
    ),
    dvclive=Tracker(
        'DVCLiveVisBackend', ('dvclive', 'pygit2'), 'pip install dvclive pygit2', 'logs to files in the work directory'
    ),
    aim=Tracker('AimVisBackend', ('aim',), 'pip install aim', 'logs to the folder .aim where training is started'),
)
# Of backends that stand in configs, with or without a scope before their type.
BY_BACKEND = {tracker.backend: tracker for tracker in TRACKERS.values()}


def missing_modules(tracker: Tracker) -> list[str]:
    """Returns the modules of a tracker that are not installed."""
    return [module for module in tracker.modules if find_spec(module) is None]


def use_trackers(cfg: Config, names: Sequence[str]) -> None:
    """Adds trackers to the visualizer of a config; one that is there keeps its settings.

    Args:
        cfg: The config; changed in place.
        names: Names in `TRACKERS`.

    Raises:
        UserError: A tracker does not exist, stands twice, or its package is not installed.
    """
    check_unique('--tracker', names)
    for name in names:
        if name not in TRACKERS:
            raise UserError(f'--tracker {name}: there is no such tracker; the choices are {", ".join(TRACKERS)}')
        tracker = TRACKERS[name]
        if missing := missing_modules(tracker):
            verb = 'is' if len(missing) == 1 else 'are'
            raise UserError(
                f'--tracker {name} needs {" and ".join(missing)}, which {verb} not installed: {tracker.install} '
                f'({tracker.setup})'
            )
        if not cfg.get('visualizer'):
            cfg.visualizer = dict(type='Visualizer', vis_backends=[dict(type='LocalVisBackend')])
        backends = [dict(backend) for backend in cfg.visualizer.get('vis_backends') or []]
        if all(type_name(backend) != tracker.backend for backend in backends):
            cfg.visualizer.vis_backends = [*backends, dict(type=tracker.backend)]
