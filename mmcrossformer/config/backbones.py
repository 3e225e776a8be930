"""Backbones by name, and configs with another backbone."""

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmengine.config import Config

from mmcrossformer.config.channels import set_channels
from mmcrossformer.config.package import CONFIGS
from mmcrossformer.config.read import import_host, parse_config
from mmcrossformer.utils.errors import UserError, close_names
from mmcrossformer.utils.hosts import LIBRARIES

_FILES = CONFIGS / '_base_' / 'backbones'
_GROUPS = CONFIGS / '_base_' / 'groups'
_CROSSFORMER = 'mmcrossformer.CrossFormer'
# Names that base files of backbones and groups leave in a config beside `model`.
_LEFT_BY_BASES = ('backbone', 'classifier_backbone', 'channels', 'groups')


@dataclass(frozen=True)
class NamedBackbone:
    """Content of a file in `configs/_base_/backbones`.

    Attributes:
        name: Its name.
        maps: Settings of the backbone that returns the maps of all four stages, for detectors and segmenters.
        classifier: Settings of the backbone of a classifier, which uses only the last map.
        channels: Channels of the maps, first stage first.
    """

    name: str
    maps: dict[str, Any]
    classifier: dict[str, Any]
    channels: list[int]


def list_backbones() -> dict[str, Path]:
    """Returns the paths of the backbones of the package by name: our own and those of the host libraries."""
    return {path.stem: path for path in sorted(_FILES.glob('*.py'))}


def read_backbone(name: str) -> NamedBackbone:
    """Reads a backbone.

    Args:
        name: A name such as 'swin_t', or the path of a file (*.py) with the same settings.

    Raises:
        UserError: The backbone does not exist, or its file does not parse or is incomplete.
    """
    own = list_backbones()
    path = Path(name) if name.endswith('.py') else own.get(name)
    if path is None:
        close = close_names(name, own)
        raise UserError(f'unknown backbone {name!r}: name a file (*.py) or one of {", ".join(own)}.{close}')
    if not path.is_file():
        raise UserError(f'backbone {path} is no file; names are {", ".join(own)}')
    content = parse_config(path, f'backbone {path}').to_dict()
    missing = [key for key in ('backbone', 'classifier_backbone', 'channels') if key not in content]
    if missing:
        raise UserError(
            f'backbone {path} sets no {" and no ".join(missing)}: it must set what {_FILES / "swin_t.py"} sets'
        )
    return NamedBackbone(path.stem, content['backbone'], content['classifier_backbone'], content['channels'])


def read_groups(setting: str) -> dict[str, Any]:
    """Reads a setting of CrossFormer's groups, such as 'g7'."""
    return dict(Config.fromfile(_GROUPS / f'{setting}.py').to_dict()['groups'])


def has_stochastic_depth(settings: dict[str, Any]) -> bool:
    """Whether a backbone takes `drop_path_rate`: ours do, others where their settings name it."""
    return 'drop_path_rate' in settings or settings['type'].startswith('mmcrossformer.')


def replace_backbone(cfg: Config, backbone: NamedBackbone) -> Config:
    """Copies a config with another backbone, and sets the input channels of its neck or heads.

    `out_indices` and the rate of stochastic depth stay as in the config. A CrossFormer that replaces another keeps all
    settings but the variant; otherwise its groups are those of setting g7. Pretrained weights of the backbone and
    `load_from` are removed.

    Args:
        cfg: Config of a detector, segmenter or classifier.
        backbone: The other backbone.

    Raises:
        UserError: The model has no backbone, or no neck or head with `in_channels`; or the library of the other
            backbone is missing.
    """
    own = cfg.model.get('backbone')
    if not isinstance(own, dict):
        raise UserError(f'the model ({cfg.model.get("type")}) has no backbone that {backbone.name} could replace')
    classifier = cfg.default_scope == 'mmpretrain'
    settings = backbone.classifier if classifier else backbone.maps
    library, _, bare = settings['type'].rpartition('.')
    if library in LIBRARIES:
        import_host(library, f'backbone {backbone.name}')
    kept = {'out_indices'} if not classifier else set()
    if has_stochastic_depth(settings):
        kept.add('drop_path_rate')
    if own['type'] == settings['type'] or (own['type'] == bare and library in ('mmcrossformer', cfg.default_scope)):
        kept |= {*own} - {*settings, 'init_cfg'}
    elif settings['type'] == _CROSSFORMER and not classifier:
        settings = settings | read_groups('g7')
    settings = settings | {key: own[key] for key in own if key in kept}
    cfg = copy.deepcopy(cfg)
    for key in _LEFT_BY_BASES:
        cfg.pop(key, None)
    if cfg.get('load_from'):
        cfg.load_from = None
    cfg.model.backbone = settings
    set_channels(cfg.model, [backbone.channels[stage] for stage in settings.get('out_indices', range(4))])
    return cfg
