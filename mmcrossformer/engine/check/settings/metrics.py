"""Checks metrics that hooks look for against those that the evaluators of the config report."""

import re
from collections.abc import Iterator
from typing import Any

from mmengine.config import Config

from mmcrossformer.config.metrics import main_metric_of, metric_patterns
from mmcrossformer.config.walk import dicts_in, evaluators_of, schedulers_of
from mmcrossformer.engine.check.finding import Finding
from mmcrossformer.engine.check.settings.loop import hooks_of
from mmcrossformer.utils.errors import UserError, names

# Types of hooks that look for a metric, and the argument that names it.
_HOOKS = (
    ('CheckpointHook', 'save_best'),
    ('BestHook', 'metric'),
    ('EarlyStoppingHook', 'monitor'),
    ('PatienceHook', 'monitor'),
)
# Parts of names of the models that find masks without a mask_head, such as RTMDetInsHead.
_MASK_WORDS = ('Ins', 'Mask', 'Seg', 'SOLO', 'Panoptic')


def check_metrics(cfg: Config) -> Iterator[Finding]:
    """Checks the metrics by which checkpoints are the best, training stops or the rate falls, and those of masks."""
    yield from _check_masks(cfg)
    for evaluator in evaluators_of(cfg, 'val'):
        if evaluator.get('format_only'):
            yield Finding(
                f'val_evaluator ({evaluator.get("type")}) has format_only=True: it writes files and reports no metric. '
                'Set val_evaluator.format_only=False',
                warning=True,
            )
    yield from _check_best(cfg)
    patterns = _patterns(evaluators_of(cfg, 'val'))
    for place, wanted in _wanted(cfg):
        wanted = [wanted] if isinstance(wanted, str) else list(wanted or ())
        if wanted and not cfg.get('val_dataloader'):
            yield Finding(
                f'{place} is {names(wanted)}, and the config has no validation that reports metrics', warning=True
            )
        elif patterns is not None:
            yield from _check_names(place, wanted, patterns)


def _check_masks(cfg: Config) -> Iterator[Finding]:
    """A detector of boxes would train for an epoch before `CocoMetric` misses its masks."""
    nodes = [*dicts_in(cfg.model)]
    kinds = ' '.join(str(node.get('type')) for node in nodes)
    if cfg.get('default_scope') != 'mmdet' or any(word in kinds for word in _MASK_WORDS):
        return
    keys = {key for node in nodes for key in node}
    if 'bbox_head' not in keys or keys & {'mask_head', 'panoptic_head'}:
        return
    for evaluator in evaluators_of(cfg, 'val'):
        listed = evaluator.get('metric')
        if str(evaluator.get('type')).endswith('CocoMetric') and 'segm' in (listed or ()):
            yield Finding(
                f"val_evaluator evaluates masks (metric 'segm'), and the model ({cfg.model.get('type')}) finds boxes "
                "alone: set val_evaluator.metric='bbox', and that of test_evaluator, or take a model with masks, such "
                'as Mask R-CNN'
            )


def _check_best(cfg: Config) -> Iterator[Finding]:
    """A training without a known metric writes no best weights."""
    for place, hook in hooks_of(cfg, 'BestHook'):
        if cfg.get('val_dataloader') and not hook.get('metric'):
            try:
                main_metric_of(cfg)
            except UserError as error:
                yield Finding(f'{place} writes no best.pth: {error}', warning=True)


def _wanted(cfg: Config) -> Iterator[tuple[str, Any]]:
    """Yields the settings that name metrics, with their place."""
    for kind, key in _HOOKS:
        for place, hook in hooks_of(cfg, kind):
            yield f'{place}.{key}', hook.get(key)
    for place, scheduler in schedulers_of(cfg):
        if 'ReduceOnPlateau' in str(scheduler['type']):
            yield f'{place}.monitor', scheduler.get('monitor', 'loss')


def _check_names(place: str, wanted: list[str], patterns: list[str]) -> Iterator[Finding]:
    unknown = [name for name in wanted if name != 'auto' and not any(re.fullmatch(p, name) for p in patterns)]
    if unknown:
        yield Finding(
            f'{place} is {names(unknown)}, which val_evaluator does not report: it reports names such as '
            f'{names([_example(pattern) for pattern in patterns])}'
        )


def _patterns(evaluators: list[dict[str, Any]]) -> list[str] | None:
    """Returns patterns of the names that evaluators report; None if that is not known of one of them."""
    patterns = []
    for evaluator in evaluators:
        known = metric_patterns(evaluator)
        if known is None:
            return None
        patterns += known
    return patterns or None


def _example(pattern: str) -> str:
    """Returns a name that a pattern matches: its first choice without what is optional."""
    prefix, _, choices = pattern.partition('(')
    return prefix + re.sub(r'\(.*?\)\?', '', choices).removesuffix(')').split('|')[0]
