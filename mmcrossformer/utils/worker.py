"""Runs functions that may kill their process in a worker process."""

import multiprocessing
import signal
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any


class WorkerDied(Exception):  # noqa: N818 - it is no error of the program
    """The process ended before it returned a result; the message says how."""


class Worker:
    """Calls a function in a separate process, which is started on the first call and restarted after it died.

    Args:
        function: Function at module level; its arguments and result must be picklable.

    Examples:
        >>> with Worker(math.sqrt) as root:
        ...     root(4.0)
        2.0
    """

    def __init__(self, function: Callable) -> None:
        self.function = function
        self._running: tuple[multiprocessing.process.BaseProcess, Connection] | None = None

    def __call__(self, *args: Any) -> Any:
        """Calls the function in the process.

        Raises:
            WorkerDied: The process was killed or crashed, or the function raised (with its traceback on stderr).
        """
        process, connection = self._running = self._running or self._start()
        try:
            connection.send(args)
            return connection.recv()
        except (EOFError, OSError) as error:
            process.join()
            code = process.exitcode
            assert code is not None  # it has ended
            self.__exit__()
            raise WorkerDied(_describe(code)) from error

    def __enter__(self) -> 'Worker':
        return self

    def __exit__(self, *_: object) -> None:
        if self._running is not None:
            process, connection = self._running
            process.kill()
            process.join()
            connection.close()
            self._running = None

    def _start(self) -> tuple[multiprocessing.process.BaseProcess, Connection]:
        # Not forked: torch's threads and CUDA do not survive that.
        context = multiprocessing.get_context('spawn')
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(self.function, theirs), daemon=True)
        process.start()
        theirs.close()  # so that recv raises EOFError when the process ends
        return process, ours


def _serve(function: Callable, connection: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that waits
    try:
        while True:
            connection.send(function(*connection.recv()))
    except EOFError:
        return


def _describe(code: int) -> str:
    if code == -signal.SIGKILL:
        return 'process killed, as Linux does when memory runs out'
    return f'process ended by {signal.Signals(-code).name}' if code < 0 else f'process ended with exit code {code}'
