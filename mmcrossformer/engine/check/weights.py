"""Checks that weights to start from, and rates of parts of the model, reach parameters of the model."""

from collections.abc import Collection, Iterator
from typing import Any

import torch
from mmengine.config import Config
from mmengine.registry import MODELS
from torch import nn

from mmcrossformer.checkpoint import pretrained_path, pretrained_weights, weights_of
from mmcrossformer.config.walk import dicts_in, model_settings
from mmcrossformer.engine.check.finding import Finding
from mmcrossformer.models.pyramid import Pyramid
from mmcrossformer.utils.errors import UserError, names
from mmcrossformer.utils.weights import inspect_checkpoint


def check_weights(cfg: Config) -> Iterator[Finding]:
    """Checks `init_cfg` of all parts of the model, `load_from` and `paramwise_cfg.custom_keys`."""
    for node in dicts_in(cfg.model):
        if 'type' in node and node.get('init_cfg'):
            yield from _check_pretrained(node)
    keys = ((cfg.get('optim_wrapper') or {}).get('paramwise_cfg') or {}).get('custom_keys') or {}
    start = None if cfg.get('resume') else cfg.get('load_from')
    model = _build(model_settings(cfg)) if keys or start else None
    if model is None:
        return
    parameters = [name for name, _ in model.named_parameters()]
    unused = [key for key in keys if not any(key in name for name in parameters)]
    if unused:
        yield Finding(
            f'optim_wrapper.paramwise_cfg.custom_keys has {names(unused)}, which no parameter of the model has in its '
            f'name, so that nothing changes. Names are such as {names(_examples(parameters))}',
            warning=True,
        )
    if start and '://' not in str(start):
        try:
            weights = weights_of(inspect_checkpoint(start))
        except (ValueError, UserError) as error:
            yield Finding(f'load_from: {error}')
            return
        yield from _check_names('load_from', start, weights, model.state_dict())


def _check_pretrained(node: dict[str, Any]) -> Iterator[Finding]:
    """Checks the files of one part, by the rules of the backbones of this package or those of mmengine."""
    entries = node['init_cfg'] if isinstance(node['init_cfg'], list | tuple) else [node['init_cfg']]
    place = f'init_cfg of {node["type"]}'
    for entry in entries:
        try:
            path = pretrained_path(entry)
            module = None if path is None else _build({**node, 'init_cfg': None})
            if path is None or module is None:
                continue
            if isinstance(module, Pyramid):
                pretrained_weights(path, module.state_dict(), module.in_channels)
            elif '://' not in str(path):
                weights = weights_of(inspect_checkpoint(path))
                # As mmengine does.
                prefix = entry['prefix'].rstrip('.') + '.' if entry.get('prefix') else ''
                chosen = {
                    name.removeprefix(prefix): value for name, value in weights.items() if name.startswith(prefix)
                }
                yield from _check_names(place, path, chosen or weights, module.state_dict())
        except (ValueError, UserError) as error:
            yield Finding(f'{place}: {error}')


def _check_names(place: str, path: Any, weights: dict[str, Any], own: dict[str, Any]) -> Iterator[Finding]:
    """Reports weights of which mmengine would load none: it warns of names, and goes on with random weights."""
    if not any(name in own and value.shape == own[name].shape for name, value in weights.items()):
        yield Finding(
            f'{place}: none of the {len(weights)} weights of {path} has name and shape of one of the {len(own)} of the '
            f'model: {names(_examples(weights))}, not {names(_examples(own))}. Name the file of such a model, or set '
            "prefix in init_cfg=dict(type='Pretrained', checkpoint=..., prefix=...) of the part that it belongs to"
        )


def _build(settings: dict[str, Any]) -> nn.Module | None:
    """Builds a module without memory for weights; None where that fails, which the runner reports."""
    try:
        with torch.device('meta'):
            return MODELS.build(settings)
    except Exception:  # a module of any library can raise anything
        return None


def _examples(found: Collection[str]) -> list[str]:
    """Returns the first name of each part of a model."""
    first: dict[str, str] = {}
    for name in found:
        first.setdefault(name.partition('.')[0], name)
    return list(first.values())[:3]
