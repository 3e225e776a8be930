"""Checks heads whose outputs cannot be trained with their loss."""

from collections.abc import Iterator
from typing import Any

from mmengine.config import Config

from mmcrossformer.config.walk import datasets_of
from mmcrossformer.engine.check.finding import Finding

# Losses over a softmax, unless they are told otherwise.
_SOFTMAX = ('CrossEntropyLoss', 'OhemCrossEntropy', 'LabelSmoothLoss')
_IGNORED = 255  # by default, in data sets and heads of mmseg


def check_outputs(cfg: Config) -> Iterator[Finding]:
    """Checks for a softmax over one output, and for labels that data set and loss ignore differently.

    Detectors of mmdet have a further output for the background: one class is right there.
    """
    if cfg.default_scope == 'mmseg':
        for place, head in _heads(cfg.model, ('decode_head', 'auxiliary_head')):
            yield from _check_segmenter(place, head)
            yield from _check_ignored(place, head, cfg)
    elif cfg.default_scope == 'mmpretrain':
        wrapped = () if 'backbone' in cfg.model else (('model', cfg.model),)
        for place, head in (*_heads(cfg.model, ('head',)), *wrapped):
            yield from _check_classifier(place, head)


def _heads(model: dict[str, Any], parts: tuple[str, ...]) -> Iterator[tuple[str, dict[str, Any]]]:
    for part in parts:
        node = model.get(part)
        for i, head in enumerate(node if isinstance(node, list | tuple) else [node]):
            if isinstance(head, dict):
                yield f'model.{part}{f".{i}" if isinstance(node, list | tuple) else ""}', head


def _has_softmax(losses: Any) -> bool:
    return any(
        loss.get('type') in _SOFTMAX and not loss.get('use_sigmoid') and not loss.get('use_mask')
        for loss in (losses if isinstance(losses, list | tuple) else [losses])
    )


def _check_segmenter(place: str, head: dict[str, Any]) -> Iterator[Finding]:
    classes, outputs = head.get('num_classes'), head.get('out_channels') or head.get('num_classes')
    if 'loss_cls' in head or outputs != 1 or not _has_softmax(head.get('loss_decode', dict(type=_SOFTMAX[0]))):
        return
    yield Finding(
        f'{place} has one output (num_classes={classes}, out_channels={head.get("out_channels")}) and a loss with a '
        'softmax, which is always 1: nothing is learned. For one kind of object use labels 0 for the '
        'ground and 1 for the object, two names in metainfo.classes and num_classes=2, as softmax; or with them one '
        "output, out_channels=1, threshold=0.5 and loss_decode=dict(type='CrossEntropyLoss', use_sigmoid=True)"
    )


def _check_classifier(place: str, head: dict[str, Any]) -> Iterator[Finding]:
    if head.get('num_classes') == 1 and _has_softmax(head.get('loss') or dict(type=_SOFTMAX[0])):
        yield Finding(
            f'{place} has one class and a loss with a softmax, which is always 1: nothing is learned. '
            'Add a class for images without the object, in the data and as num_classes=2'
        )


def _check_ignored(place: str, head: dict[str, Any], cfg: Config) -> Iterator[Finding]:
    ignored = head.get('ignore_index', _IGNORED)
    for dataset in datasets_of(cfg.get('train_dataloader')):
        if ignored is not None and dataset.get('ignore_index', _IGNORED) != ignored:
            yield Finding(
                f'the training data set has ignore_index={dataset.get("ignore_index", _IGNORED)}, and {place} has '
                f'{ignored}: its loss ignores the latter. Set the same in both'
            )
