"""Several processes under torchrun, or one."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from threading import Event, Thread
from typing import TypeVar

import torch
import torch.distributed as dist

from mmcrossformer.engine.processes import lost_processes_error
from mmcrossformer.utils.errors import EXIT_USER_ERROR, UserError, print_error

Value = TypeVar('Value')

TIMEOUT = 1800.0  # seconds
_ROUND = 10.0  # seconds between signs of life


@dataclass(frozen=True)
class Processes:
    """This process among all of them.

    Each method but `device` is called by all; in a single process it does nothing. Who waits in vain gets a
    `UserError`.

    Attributes:
        rank: Its number, from 0 on.
        number: How many there are.
        timeout: Seconds after which another process that does not answer counts as lost.
    """

    rank: int = 0
    number: int = 1
    timeout: float = TIMEOUT

    @property
    def is_first(self) -> bool:
        """Whether this one prepares and assembles."""
        return self.rank == 0

    def wait(self) -> None:
        """Returns when all have come here."""
        if self.number > 1:
            with self._report_loss():
                dist.barrier()

    def broadcast(self, value: Value) -> Value:
        """The first process's value, in all."""
        values = [value]
        if self.number > 1:
            with self._report_loss():
                dist.broadcast_object_list(values)
        return values[0]

    def gather(self, value: Value) -> list[Value]:
        """The values of all processes, in the first one; this one's alone in others."""
        if self.number == 1:
            return [value]
        values = [value] * self.number if self.is_first else None  # all are replaced
        with self._report_loss():
            dist.gather_object(value, values)
        return values or [value]

    @contextmanager
    def fail_together(self) -> Iterator[None]:
        """A step that all take: where a `UserError` keeps some from it, one of these tells theirs, and all end."""
        if self.number == 1:
            yield
            return
        mine: UserError | None = None
        try:
            yield
        except UserError as error:
            mine = error
        failed = [False] * self.number
        with self._report_loss():
            dist.all_gather_object(failed, mine is not None)
        if True not in failed:
            return
        if mine is not None and failed.index(True) == self.rank:
            print_error(mine)
        self.wait()  # torchrun ends all when one ends: the message comes first
        sys.exit(EXIT_USER_ERROR)

    @contextmanager
    def keep_alive(self) -> Iterator[None]:
        """Work that takes each process a time of its own; left when all are ready.

        A thread answers the others meanwhile. So those who are ready wait for slower ones as long as it takes, but
        not for one that is gone.
        """
        if self.number == 1:
            yield
            return
        ready = Event()
        losses: list[UserError] = []
        thread = Thread(target=self._answer, args=(ready, losses), daemon=True)
        thread.start()
        yield
        ready.set()
        thread.join()
        if losses:
            raise losses[0]

    def _answer(self, ready: Event, losses: list[UserError]) -> None:
        """Meets the others again and again until all are ready."""
        try:
            while True:
                all_ready = torch.tensor(int(ready.is_set()))
                with self._report_loss():
                    dist.all_reduce(all_ready, dist.ReduceOp.MIN)
                if all_ready:
                    return
                ready.wait(min(_ROUND, self.timeout / 3))
        except UserError as error:
            losses.append(error)

    @contextmanager
    def _report_loss(self) -> Iterator[None]:
        try:
            yield
        except RuntimeError as error:
            advice = 'Nothing that is finished is lost: the same command goes on with the rest'
            raise lost_processes_error(error, advice) from error

    def device(self, name: str) -> str:
        """The device of this process: its own GPU of the machine, where a GPU is asked for."""
        return f'cuda:{os.environ["LOCAL_RANK"]}' if self.number > 1 and name == 'cuda' else name


@contextmanager
def join_processes(timeout: float = TIMEOUT) -> Iterator[Processes]:
    """Joins what torchrun started, over gloo, with or without GPUs.

    Args:
        timeout: Seconds after which a process that does not answer counts as lost.

    Raises:
        UserError: A time that is none.
    """
    if not 0 < timeout < timedelta.max.total_seconds():
        raise UserError(f'--timeout must be more than 0 seconds, got {timeout}')
    number = int(os.environ.get('WORLD_SIZE', 1))
    if number == 1:
        yield Processes(timeout=timeout)
        return
    dist.init_process_group('gloo', timeout=timedelta(seconds=timeout))
    try:
        yield Processes(dist.get_rank(), number, timeout)
    finally:
        dist.destroy_process_group()
