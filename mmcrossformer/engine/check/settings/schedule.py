"""Checks the schedule of the learning rate against the training loop."""

from collections.abc import Iterator
from typing import Any

from mmengine.config import Config

from mmcrossformer.config.walk import schedulers_of, type_name
from mmcrossformer.engine.check.finding import Finding
from mmcrossformer.engine.check.settings.loop import Loop, find_loop
from mmcrossformer.utils.errors import names

# Schedules that go from one rate to another: without the end, training stops at a rate between them.
_RAMPS = ('Linear', 'Poly', 'CosineAnnealing', 'OneCycle')
# Of these, those that stay low afterwards.
_DECAYS = ('Poly', 'CosineAnnealing')


def check_schedule(cfg: Config) -> Iterator[Finding]:
    """Checks what schedulers count, and that they end with the training."""
    loop = find_loop(cfg)
    if loop is None:
        return
    schedulers = list(schedulers_of(cfg))
    for place, scheduler in schedulers:
        by_epoch, kind = scheduler.get('by_epoch', True), type_name(scheduler)
        if kind.startswith('ReduceOnPlateau'):
            continue  # counts validations
        if by_epoch and not loop.by_epoch and not scheduler.get('convert_to_iter_based'):
            yield Finding(
                f'{place} ({kind}) counts epochs, and training counts iterations, all of which are one epoch for it: '
                f'the rate never changes. Set {place}.by_epoch=False, and begin and end in iterations'
            )
        elif by_epoch == loop.by_epoch and loop.length is not None:
            others = [other for _, other in schedulers if other is not scheduler]
            yield from _check_end(place, kind, scheduler, others, loop, loop.length)


def _check_end(
    place: str, kind: str, scheduler: dict[str, Any], others: list[dict[str, Any]], loop: Loop, length: int
) -> Iterator[Finding]:
    begin, end = scheduler.get('begin', 0), scheduler.get('end', length)
    late = [step for step in scheduler.get('milestones', ()) if begin + step >= min(end, length)]
    if late:
        yield Finding(
            f'{place} ({kind}) changes the rate at {names(late)}, and ends after {min(end, length)} {loop.unit}: '
            f'choose milestones before that, and {place}.end={length}',
            warning=True,
        )
    if not kind.startswith(_RAMPS):
        return
    reached = begin + scheduler.get('T_max', scheduler.get('total_steps', end - begin))
    if reached > length:
        yield Finding(
            f'{place} ({kind}) ends after {reached} {loop.unit}, and training after {length}: the rate does not get to '
            f'its end. Set {place}.end={length}',
            warning=True,
        )
    elif end < length and kind.startswith(_DECAYS) and not any(_acts_after(other, end, loop) for other in others):
        lowest = scheduler.get('eta_min', 0) or scheduler.get('eta_min_ratio', 0)
        yield Finding(
            f'{place} ({kind}) ends after {end} {loop.unit}, and training after {length}: the rate stays '
            f'{"at its lowest" if lowest else "0, and nothing is learned,"} from there on. Set {place}.end={length}',
            warning=bool(lowest),
        )


def _acts_after(scheduler: dict[str, Any], step: int, loop: Loop) -> bool:
    """Whether a scheduler changes the rate after a step of the loop."""
    return scheduler.get('by_epoch', True) != loop.by_epoch or scheduler.get('end', step + 1) > step
