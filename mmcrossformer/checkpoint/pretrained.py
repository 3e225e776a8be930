"""Pretrained weights for a backbone: read, fitted and checked before anything is loaded."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from mmcrossformer.checkpoint.files import read_checkpoint
from mmcrossformer.checkpoint.names import backbone_weights
from mmcrossformer.checkpoint.stem import fit_stem

STEM = 'stages.0.embed.convs.0.weight'


def pretrained_path(init_cfg: Any) -> str | Path | None:
    """Finds the file that an `init_cfg` of type `Pretrained` names.

    Args:
        init_cfg: Initialization by mmengine: a dict, a list of them, or None.

    Returns:
        The file; None for another initialization.

    Raises:
        ValueError: `Pretrained` beside others, or without a path.
    """
    entries = init_cfg if isinstance(init_cfg, list | tuple) else [init_cfg]
    if not any(map(_is_pretrained, entries)):
        return None
    if len(entries) > 1:
        raise ValueError(f'init_cfg must be Pretrained alone or hold no Pretrained, got {init_cfg!r}')
    path = entries[0].get('checkpoint')
    if not isinstance(path, str | Path):
        raise ValueError(f'init_cfg of type Pretrained needs checkpoint, the path of a file, got {path!r}')
    return path


def _is_pretrained(entry: Any) -> bool:
    kind = entry.get('type') if isinstance(entry, Mapping) else None
    return getattr(kind, '__name__', str(kind)).rpartition('.')[2] in ('Pretrained', 'PretrainedInit')


def pretrained_weights(path: str | Path, own: Mapping[str, Tensor], in_channels: int) -> tuple[dict[str, Tensor], str]:
    """Reads the weights of a backbone from a file of this project or an official one as published.

    Weights of stages that are not built, of output norms that are not asked for and of heads are left out.

    Args:
        path: The file.
        own: State dict of the backbone.
        in_channels: Channels of its images; filters of the stem are averaged or repeated to fit.

    Returns:
        What to load, by the names of `own`, and a line that reports what was found, dropped and missing.

    Raises:
        ValueError: The file cannot be read, or lacks a parameter of the stages, or has one in another shape.
    """
    found = backbone_weights(read_checkpoint(path))
    weights = fit_stem(found, in_channels)
    wrong = [
        f'{name} {list(value.shape)} is {list(weights[name].shape) if name in weights else "missing"} in the file'
        for name, value in own.items()
        # A detector's output norms are new: the official classifiers have one, after the last stage.
        if (name in weights or name.startswith('stages.')) and getattr(weights.get(name), 'shape', None) != value.shape
    ]
    if wrong:
        raise ValueError(f'checkpoint {path} does not fit: {len(wrong)} of {len(own)} parameters, such as {wrong[0]}')
    loaded = {name: value for name, value in weights.items() if name in own}
    report = f'{len(loaded)} of {len(own)} parameters loaded from {path}'
    for names, what in (
        (set(weights) - set(own), 'dropped'),
        (set(own) - set(weights), 'missing, left as they are'),
    ):
        report += f', {len(names)} {what}' + (f' ({", ".join(sorted(names)[:3])})' if names else '')
    if weights[STEM] is not found[STEM]:
        report += f', filters of the stem changed from {found[STEM].shape[1]} to {in_channels} channels'
    return loaded, report
