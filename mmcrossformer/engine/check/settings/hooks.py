"""Checks hooks against the training loop: what they count, and whether training is long enough for them."""

from collections.abc import Iterator
from typing import Any

from mmengine.config import Config

from mmcrossformer.engine.check.finding import Finding
from mmcrossformer.engine.check.settings.loop import Loop, find_loop, hooks_of

# A checkpoint each tenth of the training, where the config does not suggest another number.
_PARTS = 10


def check_hooks(cfg: Config) -> Iterator[Finding]:
    """Checks the hooks that save, log and average, and the begin of validation, against the loop."""
    loop = find_loop(cfg)
    if loop is None:
        return
    for place, hook in hooks_of(cfg, 'CheckpointHook'):
        yield from _check_saving(place, hook, loop, cfg)
    if not loop.by_epoch:
        yield from _check_logging(cfg)
    for place, hook in hooks_of(cfg, 'EMAHook'):
        yield from _check_averaging(place, hook, loop)
    begin = cfg.train_cfg.get('val_begin', 1)
    if loop.length is not None and begin > loop.length and cfg.get('val_dataloader'):
        yield Finding(
            f'train_cfg.val_begin is {begin}, and training ends after {loop.length} {loop.unit}: nothing is validated',
            warning=True,
        )


def _check_saving(place: str, hook: dict[str, Any], loop: Loop, cfg: Config) -> Iterator[Finding]:
    by_epoch, interval = hook.get('by_epoch', True), hook.get('interval', -1)
    if by_epoch and not loop.by_epoch:
        yield Finding(
            f'{place} counts epochs, and training counts iterations, all of which are one epoch for it: nothing is '
            f'saved before the end. Set {place}.by_epoch=False and {place}.interval={_suggest_interval(loop, cfg)}'
        )
    elif interval == 1 and not by_epoch:
        yield Finding(
            f'{place} saves after every iteration: set {place}.interval, or {place}.by_epoch=True in a training by '
            'epochs',
            warning=True,
        )
    elif by_epoch == loop.by_epoch and loop.length is not None and not 0 < interval <= loop.length:
        last = hook.get('save_last', True)
        after = f'every {interval} {loop.unit}' if interval > 0 else 'nothing during training'
        yield Finding(
            f'{place} saves {after}, training ends after {loop.length}'
            + (': the only checkpoint is that of the end' if last else ', and save_last is False: nothing is saved')
            + f'. Set {place}.interval={_suggest_interval(loop, cfg)}',
            warning=last,
        )


def _suggest_interval(loop: Loop, cfg: Config) -> int:
    length = loop.length or 1
    interval = cfg.train_cfg.get('val_interval', length)
    return interval if interval < length else max(1, length // _PARTS)


def _check_logging(cfg: Config) -> Iterator[Finding]:
    """Training by iterations, logged by epochs, runs right and reads wrong."""
    options = []
    if (cfg.get('log_processor') or {}).get('by_epoch', True):
        options.append('log_processor.by_epoch=False')
    options += [
        f'{place}.log_metric_by_epoch=False'
        for place, hook in hooks_of(cfg, 'LoggerHook')
        if hook.get('log_metric_by_epoch', True)
    ]
    if options:
        yield Finding(
            'training counts iterations, and its log counts epochs, such as Epoch [1][300/125], with every validation '
            f'at step 0: set {" and ".join(options)}',
            warning=True,
        )


def _check_averaging(place: str, hook: dict[str, Any], loop: Loop) -> Iterator[Finding]:
    epoch, iteration = hook.get('begin_epoch', 0), hook.get('begin_iter', 0)
    never = bool(epoch) if not loop.by_epoch else loop.length is not None and epoch >= loop.length
    if never:
        yield Finding(
            f'{place} starts to average after {epoch} epochs, which this training does not reach: set '
            f'{place}.{"begin_epoch" if loop.by_epoch else "begin_epoch=0 and begin_iter"}',
            warning=True,
        )
    elif not loop.by_epoch and loop.length is not None and iteration >= loop.length:
        yield Finding(
            f'{place} starts to average after {iteration} iterations, and training ends after {loop.length}: set '
            f'{place}.begin_iter',
            warning=True,
        )
