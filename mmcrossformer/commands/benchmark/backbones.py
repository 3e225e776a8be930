"""Finds backbones to measure: those of the package by name, and those of any config."""

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmengine.registry import MODELS, DefaultScope
from torch import nn

from mmcrossformer.config.backbones import has_stochastic_depth, list_backbones, read_backbone, read_groups
from mmcrossformer.config.package import list_configs
from mmcrossformer.config.read import parse_config
from mmcrossformer.utils.errors import UserError
from mmcrossformer.utils.hosts import LIBRARIES

# Stochastic depth rate of all named backbones that support it, so that they are compared at the same rate.
DROP_PATH_RATE = 0.2
# Suffix of a name -> setting of CrossFormer's groups.
_SETTINGS = {'': 'g7', '_g14': 'g14', '_block': 'block'}


@dataclass(frozen=True)
class Backbone:
    """Specification of a backbone, from which any process can build it.

    Attributes:
        name: Name of the backbone or of its config.
        settings: Config of the backbone for the registry.
        imports: Modules to import first.
        scope: Default scope of the registry.
    """

    name: str
    settings: dict[str, Any]
    imports: tuple[str, ...] = ()
    scope: str = 'mmengine'

    def build(self) -> nn.Module:
        """Builds the backbone with random weights; does not catch exceptions of the host library."""
        for module in self.imports:
            importlib.import_module(module)
        with DefaultScope.overwrite_default_scope(self.scope):
            return MODELS.build(dict(self.settings))


def backbone_names() -> list[str]:
    """Returns the names that `find_backbone` accepts; each CrossFormer has one name for each setting of its groups."""
    return [*_named_backbones()]


def find_backbone(name: str) -> Backbone:
    """Finds a backbone by name or config.

    Args:
        name: One of `backbone_names()`, with a stochastic depth rate of 0.2; or path or name of a config, whose
            `model.backbone` or `backbone` is used unchanged.

    Raises:
        UserError: The name is unknown, or the config does not parse or has no backbone.
    """
    if name.endswith('.py'):
        return _from_config(Path(name))
    if name not in _named_backbones():
        if name in list_configs():
            return _from_config(list_configs()[name])
        raise UserError(f'unknown model {name!r}: name a config or one of {", ".join(backbone_names())}')
    stem, groups = _named_backbones()[name]
    settings = read_backbone(stem).maps
    if groups:
        settings = settings | read_groups(groups)
    if has_stochastic_depth(settings):
        settings = settings | dict(drop_path_rate=DROP_PATH_RATE)
    return Backbone(name, settings, _required_imports(settings))


def _named_backbones() -> dict[str, tuple[str, str | None]]:
    """Maps each name to file and setting of groups: crossformer_s_g14 is crossformer_s in setting g14."""
    named: dict[str, tuple[str, str | None]] = {}
    for stem in list_backbones():
        if stem.startswith('crossformer'):
            named |= {stem + suffix: (stem, setting) for suffix, setting in _SETTINGS.items()}
        else:
            named[stem] = (stem, None)
    return named


def _required_imports(settings: dict[str, Any]) -> tuple[str, ...]:
    """Returns the modules that register the class of a backbone."""
    library = str(settings['type']).partition('.')[0]
    return (f'{library}.models',) if library in LIBRARIES else ()


def _from_config(path: Path) -> Backbone:
    if not path.is_file():
        raise UserError(f'model {path} is no file; names of models are {", ".join(backbone_names())}')
    # Custom imports may be missing here; building the backbone reports that.
    cfg = parse_config(path, f'config {path}', import_custom_modules=False)
    settings = cfg.get('model', {}).get('backbone') or cfg.get('backbone')
    if not settings:
        raise UserError(f'config {path} sets neither backbone nor model.backbone: there is nothing to measure')
    settings = settings.to_dict()
    imports = list(cfg.get('custom_imports', {}).get('imports', []))
    scope = cfg.get('default_scope', 'mmengine')
    if scope != 'mmengine':
        imports.append(f'{scope}.models')
    return Backbone(path.stem, settings, (*imports, *_required_imports(settings)), scope)
