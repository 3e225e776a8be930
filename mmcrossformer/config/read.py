"""Reads configs of mmengine, for detection, segmentation and classification alike."""

import importlib
from pathlib import Path
from typing import Any

from mmengine.config import Config

from mmcrossformer.config.package import find_config
from mmcrossformer.config.walk import dicts_in, type_name
from mmcrossformer.utils.errors import UserError
from mmcrossformer.utils.hosts import LIBRARIES, install_command
from mmcrossformer.utils.weights import inspect_checkpoint

# mmpretrain's wrappers of timm: a whole classifier, and a backbone.
_TIMM_TYPES = ('TimmClassifier', 'TIMMBackbone')


def read_config(config: str, options: dict[str, Any] | None = None) -> Config:
    """Reads a config and imports the host library that it belongs to, and timm if the model needs it.

    Args:
        config: Path of a file, or name of a config of the package.
        options: Settings to replace, by dotted name.

    Raises:
        UserError: The config does not exist or does not parse, a library is missing or broken, or weights for timm
            cannot be read.
    """
    cfg = parse_config(find_config(config), f'config {config}')
    missing = [key for key in ('model', 'default_scope') if cfg.get(key) is None]
    if missing:
        raise UserError(f'config {config} sets no {" and no ".join(missing)}: it is no config to train or test')
    if options:
        try:
            cfg.merge_from_dict(options)
        except (KeyError, TypeError, IndexError, AssertionError) as error:
            raise UserError(f'--cfg-options do not fit {config}: {error}') from error
    if cfg.default_scope in LIBRARIES:
        import_host(cfg.default_scope, config)
    _import_timm(cfg, config)
    return cfg


def parse_config(path: Path, what: str, **options: Any) -> Config:
    """Parses a file of mmengine's configs.

    Args:
        path: The file.
        what: What it is, for the message.
        **options: See `Config.fromfile`.

    Raises:
        UserError: It does not parse.
    """
    try:
        return Config.fromfile(path, **options)
    except Exception as error:  # a config is a program and can raise anything
        raise UserError(f'{what} does not parse: {type(error).__name__}: {error}') from error


def import_host(host: str, what: str) -> None:
    """Imports a host library, so that its absence is reported before anything starts.

    Args:
        host: One of `LIBRARIES`.
        what: What needs it, for the message.

    Raises:
        UserError: It is missing or broken.
    """
    try:
        importlib.import_module(f'{host}.models')
    except ImportError as error:
        if getattr(error, 'name', None) == host:
            raise UserError(f'{what} needs {host}, which is not installed: {install_command(host)}') from error
        raise UserError(f'{what} needs {host}, whose import fails: {error} (see `mmcrossformer doctor`)') from error
    except AssertionError as error:  # how the original packages refuse a version of mmcv
        raise UserError(f'{what} needs {host}, which refuses this environment: {error}') from error


def _import_timm(cfg: Config, config: str) -> None:
    """Imports timm if a model needs it, and checks its weight files."""
    wrappers = [node for node in dicts_in(cfg.model) if type_name(node) in _TIMM_TYPES]
    if not wrappers:
        return
    try:
        importlib.import_module('timm')
    except ImportError as error:
        if getattr(error, 'name', None) == 'timm':
            raise UserError(
                f"{config} needs timm, which is not installed: pip install 'mmcrossformer[timm]'"
            ) from error
        raise UserError(f'{config} needs timm, whose import fails: {error}') from error
    for path in filter(None, (node.get('checkpoint_path') for node in wrappers)):
        inspect_checkpoint(path)
