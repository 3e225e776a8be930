"""Checks heads whose outputs cannot be trained with their loss, or counted by their metrics."""

from collections.abc import Iterator
from typing import Any

from mmengine.config import Config

from mmcrossformer.config.walk import datasets_of, dicts_in, evaluators_of
from mmcrossformer.engine.check.finding import Finding

# Losses over a softmax, unless they are told otherwise.
_SOFTMAX = ('CrossEntropyLoss', 'OhemCrossEntropy', 'LabelSmoothLoss')
_IGNORED = 255  # by default, in data sets and heads of mmseg


def check_outputs(cfg: Config) -> Iterator[Finding]:
    """Checks for a softmax over one output, labels that data set and loss ignore differently, and counts of classes.

    Detectors of mmdet have a further output for the background: one class is right there.
    """
    yield from _check_weights(cfg)
    if cfg.default_scope == 'mmseg':
        for place, head in _heads(cfg.model, ('decode_head', 'auxiliary_head')):
            yield from _check_segmenter(place, head)
            yield from _check_ignored(place, head, cfg)
    elif cfg.default_scope == 'mmpretrain':
        wrapped = () if 'backbone' in cfg.model else (('model', cfg.model),)
        for place, head in (*_heads(cfg.model, ('head',)), *wrapped):
            yield from _check_classifier(place, head)
            yield from _check_ranks(place, head, cfg)


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


def _check_weights(cfg: Config) -> Iterator[Finding]:
    """Checks that a loss with a weight for each class has as many of them as there are outputs."""
    for head in dicts_in(cfg.model):
        for name in ('loss_decode', 'loss_cls', 'loss'):
            classes, losses = head.get('num_classes'), head.get(name)
            for loss in losses if isinstance(losses, list | tuple) else [losses]:
                if not isinstance(loss, dict) or not isinstance(classes, int) or 'out_channels' in head:
                    continue
                weights = loss.get('class_weight')
                # Heads that find objects have a further output, for none.
                wanted = classes + int(name == 'loss_cls' and not loss.get('use_sigmoid'))
                if isinstance(weights, list | tuple) and len(weights) != wanted:
                    yield Finding(
                        f'{name} of {head.get("type")} has class_weight with {len(weights)} values, and the head has '
                        f'{wanted} outputs (num_classes={classes}): set class_weight=None, or a value for each'
                    )


def _check_ranks(place: str, head: dict[str, Any], cfg: Config) -> Iterator[Finding]:
    """Checks ranks of accuracies, of which mmpretrain refuses those beyond the classes after the first epoch."""
    classes = head.get('num_classes')
    listed = [(f'{place}.topk', head.get('topk'))] if head.get('cal_acc') else []
    listed += [
        (f'topk of val_evaluator ({evaluator["type"]})', evaluator.get('topk'))
        for evaluator in evaluators_of(cfg, 'val')
        if evaluator.get('type') == 'Accuracy'
    ]
    for where, ranks in listed:
        largest = max(ranks) if isinstance(ranks, list | tuple) and ranks else ranks
        if isinstance(classes, int) and isinstance(largest, int) and largest > classes:
            yield Finding(f'{where} is {ranks}, and the model has {classes} classes: set it to (1,)')
