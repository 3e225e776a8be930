"""Traverses mmengine configs."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mmengine.config import Config


def model_settings(cfg: Config) -> dict[str, Any]:
    """Returns the model of a config as mmengine's runner builds it, with the top-level preprocessor if it has none."""
    settings = dict(cfg.model)
    if 'data_preprocessor' in cfg:
        settings.setdefault('data_preprocessor', cfg.data_preprocessor)
    return settings


def replace_sync_bn(model: Any) -> None:
    """Replaces SyncBN, which needs GPUs and several processes, by BN."""
    for node in dicts_in(model):
        if node.get('type') == 'SyncBN':
            node['type'] = 'BN'


def type_name(settings: dict[str, Any]) -> str:
    """Returns the type of a part of a config, a text or a class, without the scope before it."""
    kind = settings.get('type')
    return str(getattr(kind, '__name__', kind)).rpartition('.')[2]


def dicts_in(node: Any) -> Iterator[dict]:
    """Yields every dict of a config, outer ones first."""
    if isinstance(node, dict):
        yield node
        node = list(node.values())
    if isinstance(node, list | tuple):
        for value in node:
            yield from dicts_in(value)


def datasets_of(loader: dict | None) -> Iterator[dict]:
    """Yields the data sets of a loader without their wrappers."""
    stack = [loader.get('dataset')] if isinstance(loader, dict) else []
    while stack:
        dataset = stack.pop()
        if isinstance(dataset, list | tuple):
            stack += dataset
        elif isinstance(dataset, dict):
            inner = dataset.get('dataset', dataset.get('datasets'))
            if inner is None:
                yield dataset
            else:
                stack.append(inner)


def evaluators_of(cfg: Config, part: str) -> list[dict[str, Any]]:
    """Returns the evaluators of a part, 'val' or 'test'; empty if it is switched off."""
    evaluators = cfg.get(f'{part}_evaluator') or []
    return list(evaluators) if isinstance(evaluators, list | tuple) else [evaluators]


def schedulers_of(cfg: Config) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields place and settings of the schedulers: mmengine takes one, a list, or either by name of the optimizer."""
    stack = [('param_scheduler', cfg.get('param_scheduler'))]
    while stack:
        place, node = stack.pop(0)
        if isinstance(node, dict) and 'type' in node:
            yield place, node
        elif isinstance(node, dict | list | tuple):
            inner = node.items() if isinstance(node, dict) else enumerate(node)
            stack += [(f'{place}.{key}', value) for key, value in inner]


def data_paths(dataset: dict) -> Iterator[Path]:
    """Yields the files and folders of a data set."""
    root = dataset.get('data_root') or ''
    if '://' in root:
        return  # not on this file system
    if root:
        yield Path(root)
    prefix = dataset.get('data_prefix') or {}
    ann_file = dataset.get('ann_file')
    names = ann_file if isinstance(ann_file, list | tuple) else [ann_file]
    names = [*names, *(prefix.values() if isinstance(prefix, dict) else [prefix])]
    for name in names:
        if name and '://' not in name:
            yield Path(root) / name
