"""Random numbers that leave no trace."""

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


@contextmanager
def own_random_state(seed: int) -> Iterator[None]:
    """Seeds the random numbers of Python, numpy and torch; afterwards they go on as if nothing had drawn any.

    Args:
        seed: The seed inside of the block.
    """
    # A process that has not used its GPUs must not begin to: forked workers could not.
    devices = list(range(torch.cuda.device_count())) if torch.cuda.is_initialized() else []
    state, of_numpy = random.getstate(), np.random.get_state()
    with torch.random.fork_rng(devices):
        random.seed(seed)
        np.random.seed(seed)
        torch.default_generator.manual_seed(seed)  # torch.manual_seed would also seed GPUs once they are used
        if devices:
            torch.cuda.manual_seed_all(seed)
        try:
            yield
        finally:
            random.setstate(state)
            np.random.set_state(of_numpy)
