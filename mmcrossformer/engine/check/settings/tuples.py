"""Checks for one item where a tuple of items is meant: ('cat') is not ('cat',)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mmengine.config import Config

from mmcrossformer.config.walk import datasets_of, dicts_in
from mmcrossformer.engine.check.finding import Finding

# Arguments of models that are numbers or tuples of them.
_INDICES = ('out_indices', 'in_index', 'strides')


def check_tuples(cfg: Config) -> Iterator[Finding]:
    """Checks classes and palettes of data sets, and indices of models."""
    for part in ('train', 'val', 'test'):
        for dataset in datasets_of(cfg.get(f'{part}_dataloader')):
            meta, owner = dataset.get('metainfo') or {}, f'of the data set of {part}_dataloader'
            for name, classes in (('metainfo.classes', meta.get('classes')), ('classes', dataset.get('classes'))):
                yield from _check_classes(f'{name} {owner}', classes)
            palette = meta.get('palette')
            if isinstance(palette, list | tuple) and palette and not any(isinstance(c, list | tuple) for c in palette):
                yield Finding(
                    f'metainfo.palette {owner} is {tuple(palette)}, and must be a list with a colour for each class: a '
                    f'list of one colour is [{tuple(palette[:3])}]'
                )
    for node in dicts_in(cfg.model):
        for name in _INDICES:
            if isinstance(node.get(name), str):
                yield Finding(
                    f'{name} of {node.get("type")} is the text {node[name]!r}, and must be numbers, such as (0, 1)'
                )


def _check_classes(what: str, classes: Any) -> Iterator[Finding]:
    """The host libraries take each letter of a text as a class, unless it names a file with classes."""
    if isinstance(classes, str) and not Path(classes).is_file():
        yield Finding(
            f'{what} is the text {classes!r} and no file, and each of its letters would be a class: a tuple of one '
            f'name has a comma, ({classes!r},)'
        )
