"""Several processes under torchrun, or one."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import torch.distributed as dist

Value = TypeVar('Value')

# A process that has finished its share waits for the slowest one; torchrun ends all when one fails.
_PATIENCE = timedelta(days=30)


@dataclass(frozen=True)
class Processes:
    """This process among all of them.

    Attributes:
        rank: Its number, from 0 on.
        number: How many there are.
    """

    rank: int = 0
    number: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this one prepares and assembles."""
        return self.rank == 0

    def wait(self) -> None:
        """Returns when all have come here."""
        if self.number > 1:
            dist.barrier()

    def gather(self, value: Value) -> list[Value]:
        """The values of all processes, in the first one; this one's alone in others."""
        if self.number == 1:
            return [value]
        if not self.is_first:
            dist.gather_object(value)
            return [value]
        values = [value] * self.number  # all are replaced
        dist.gather_object(value, values)
        return values

    def device(self, name: str) -> str:
        """The device of this process: its own GPU of the machine, where a GPU is asked for."""
        return f'cuda:{os.environ["LOCAL_RANK"]}' if self.number > 1 and name == 'cuda' else name


@contextmanager
def joined() -> Iterator[Processes]:
    """Joins what torchrun started, over gloo, with or without GPUs."""
    number = int(os.environ.get('WORLD_SIZE', 1))
    if number == 1:
        yield Processes()
        return
    dist.init_process_group('gloo', timeout=_PATIENCE)
    try:
        yield Processes(dist.get_rank(), number)
    finally:
        dist.destroy_process_group()
