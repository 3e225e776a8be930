"""Interleaved timing."""

import time
from collections.abc import Callable, Sequence


def time_interleaved(
    steps: Sequence[Callable[[], object]],
    repeats: int,
    warmup: int = 1,
    synchronize: Callable[[], object] = lambda: None,
) -> list[list[float]]:
    """Times several callables in turn: A B C A B C ..., so that disturbances of the machine affect all alike.

    Args:
        steps: The callables.
        repeats: Number of measured turns.
        warmup: Number of turns before them that are not measured.
        synchronize: Waits for the device, `torch.cuda.synchronize` for CUDA; called before and after each step.

    Returns:
        For each callable its times in seconds, one for each turn.
    """
    seconds: list[list[float]] = [[] for _ in steps]
    for turn in range(warmup + repeats):
        for step, times in zip(steps, seconds, strict=True):
            synchronize()
            start = time.perf_counter()
            step()
            synchronize()
            if turn >= warmup:
                times.append(time.perf_counter() - start)
    return seconds
