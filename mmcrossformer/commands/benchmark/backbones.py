"""Backbones by name: the variants of CrossFormer and CAT, peers of the host libraries, and those of any config."""

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope
from torch import nn

from mmcrossformer.config.package import CONFIGS, configs_of_package
from mmcrossformer.models.arch import ARCHS, CAT_ARCHS
from mmcrossformer.utils.errors import UserError

# Stochastic depth of every named backbone that has it, so that all are compared at one rate.
DROP_PATH_RATE = 0.2
# Settings of dense tasks, by the end of a name: groups and scope of long distance attention are those of these configs.
_SETTINGS = {
    '': 'mask_rcnn_crossformer_s_coco.py',
    '_g14': 'mask_rcnn_crossformer_s_g14_3x_coco.py',
    '_block': 'mask_rcnn_crossformer_s_block_coco.py',
}


@dataclass(frozen=True)
class Backbone:
    """What it takes to build a backbone, in this process or another.

    Attributes:
        name: Its name, or that of its config.
        settings: What the registry builds it from.
        imports: Modules to import first.
        scope: Library whose names the settings use.
    """

    name: str
    settings: dict[str, Any]
    imports: tuple[str, ...] = ()
    scope: str = 'mmengine'

    def build(self) -> nn.Module:
        """Builds it with random weights; whatever the host library raises, passes through."""
        for module in self.imports:
            importlib.import_module(module)
        with DefaultScope.overwrite_default_scope(self.scope):
            return MODELS.build(dict(self.settings))


def names() -> list[str]:
    """Names that `find_backbone` knows: CrossFormer's variants in each setting of dense tasks, CAT's, and peers."""
    return [*_crossformers(), *_cats(), *_peers()]


def find_backbone(name: str) -> Backbone:
    """Looks a backbone up.

    Args:
        name: One of `names()`, at a stochastic depth rate of 0.2; or a config by path or name, whose `backbone` or
            `model.backbone` is taken as it is.

    Raises:
        UserError: An unknown name, or a config that does not parse or has no backbone.
    """
    if name.endswith('.py'):
        return _from_config(Path(name).stem, Path(name))
    if name in _peers():
        peer = _from_config(name, _peers()[name])
        settings = peer.settings
        if 'drop_path_rate' in settings:
            settings = dict(settings, drop_path_rate=DROP_PATH_RATE)
        return Backbone(name, settings, peer.imports, peer.scope)
    if name not in names():
        if name in configs_of_package():
            return _from_config(name, configs_of_package()[name])
        raise UserError(f'unknown model {name!r}: name a config or one of {", ".join(names())}')
    if name in _cats():
        settings = dict(type='mmcrossformer.CAT', arch=_cats()[name], drop_path_rate=DROP_PATH_RATE)
        return Backbone(name, settings, ('mmcrossformer',))
    arch, config = _crossformers()[name]
    dense = _from_config(name, CONFIGS / config).settings
    return Backbone(name, dict(dense, arch=arch, drop_path_rate=DROP_PATH_RATE), ('mmcrossformer',))


def _crossformers() -> dict[str, tuple[str, str]]:
    """Variant and config of each name: crossformer_s is 'small', crossformerpp_s_g14 is 'pp-small' in setting g14."""
    parts = {arch: arch.rpartition('-') for arch in ARCHS}
    variants = {f'crossformer{family}_{size[0]}': arch for arch, (family, _, size) in parts.items()}
    return {name + suffix: (arch, config) for suffix, config in _SETTINGS.items() for name, arch in variants.items()}


def _cats() -> dict[str, str]:
    return {f'cat_{arch[0]}': arch for arch in CAT_ARCHS}


def _peers() -> dict[str, Path]:
    return {path.stem: path for path in sorted((CONFIGS / '_base_' / 'backbones').glob('*.py'))}


def _from_config(name: str, path: Path) -> Backbone:
    if not path.is_file():
        raise UserError(f'model {path} is no file; names of models are {", ".join(names())}')
    try:
        # What it imports may be missing here, which is told where the backbone is built.
        cfg = Config.fromfile(path, import_custom_modules=False)
    except Exception as error:  # a config is a program: it can fail in any way
        raise UserError(f'config {path} does not parse: {type(error).__name__}: {error}') from error
    settings = cfg.get('backbone') or cfg.get('model', {}).get('backbone')
    if not settings:
        raise UserError(f'config {path} sets neither backbone nor model.backbone: there is nothing to measure')
    settings = {key: value for key, value in settings.to_dict().items() if key != '_delete_'}
    imports = list(cfg.get('custom_imports', {}).get('imports', []))
    scope = cfg.get('default_scope', 'mmengine')
    if scope != 'mmengine':
        imports.append(f'{scope}.models')
    return Backbone(name, settings, tuple(imports), scope)
