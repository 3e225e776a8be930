"""Timing by turns."""

import time
from collections.abc import Callable, Sequence


def time_interleaved(
    steps: Sequence[Callable[[], object]],
    repeats: int,
    warmup: int = 1,
    synchronize: Callable[[], object] = lambda: None,
) -> list[list[float]]:
    """Times several callables by turns: A B C A B C ..., so that what disturbs the machine disturbs all alike.

    Args:
        steps: What to time.
        repeats: Turns that count.
        warmup: Turns before them that do not.
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
