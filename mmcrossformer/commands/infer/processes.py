"""Communication of several processes under torchrun; a single process needs none."""

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
_ROUND = 10.0  # seconds between heartbeats


@dataclass(frozen=True)
class Processes:
    """This process in the group of processes.

    All processes call each method except `device`; a single process does not communicate. Methods raise a `UserError`
    if another process is lost.

    Attributes:
        rank: Rank of this process, from 0 on.
        number: Number of processes.
        timeout: Seconds after which another process that does not answer counts as lost.
    """

    rank: int = 0
    number: int = 1
    timeout: float = TIMEOUT

    @property
    def is_first(self) -> bool:
        """Whether this is the process that prepares the run and writes its final files."""
        return self.rank == 0

    def wait(self) -> None:
        """Waits until all processes have called this."""
        if self.number > 1:
            with self._report_loss():
                dist.barrier()

    def broadcast(self, value: Value) -> Value:
        """Returns the value of the first process, in all processes."""
        values = [value]
        if self.number > 1:
            with self._report_loss():
                dist.broadcast_object_list(values)
        return values[0]

    def gather(self, value: Value) -> list[Value]:
        """Returns the values of all processes in the first one; in the others only their own."""
        if self.number == 1:
            return [value]
        values = [value] * self.number if self.is_first else None  # placeholders
        with self._report_loss():
            dist.gather_object(value, values)
        return values or [value]

    @contextmanager
    def fail_together(self) -> Iterator[None]:
        """Ends all processes if any raises a `UserError` in the block; one of these prints its message."""
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
        self.wait()  # torchrun ends all processes when one ends: the message must come first
        sys.exit(EXIT_USER_ERROR)

    @contextmanager
    def keep_alive(self) -> Iterator[None]:
        """Runs work that takes a different time in each process; exits when all processes are ready.

        A thread answers the other processes meanwhile, so that processes that are ready wait for slower ones without
        timeout, but not for a lost one.
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
        """Exchanges heartbeats until all processes are ready."""
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
            advice = 'Finished results are kept: run the same command again to continue'
            raise lost_processes_error(error, advice) from error

    def device(self, name: str) -> str:
        """Returns the device of this process: for 'cuda' with several processes, its own GPU of the machine."""
        return f'cuda:{os.environ["LOCAL_RANK"]}' if self.number > 1 and name == 'cuda' else name


@contextmanager
def join_processes(timeout: float = TIMEOUT) -> Iterator[Processes]:
    """Joins the processes that torchrun started, over gloo, with or without GPUs.

    Args:
        timeout: Seconds after which a process that does not answer counts as lost.

    Raises:
        UserError: The timeout is not positive or too large.
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
