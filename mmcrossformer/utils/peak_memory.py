"""Runs a command and measures its peak memory.

The system counts the memory of a process from its start on, when it is still a copy of the process that starts it. So a
small interpreter, which runs this file, stands between a large one and the command.
"""

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Sequence


def run_measured(command: Sequence[str]) -> tuple[int, int]:
    """Runs a command and waits for it.

    Args:
        command: Program and arguments. It shares the streams of this process.

    Returns:
        Exit code, negative for a signal, and the peak memory of the process or the largest of its own, in bytes.
    """
    reading, writing = os.pipe()
    with open(reading) as answer:
        between = subprocess.Popen([sys.executable, '-S', __file__, str(writing), *command], pass_fds=[writing])
        os.close(writing)
        try:
            between.wait()
            code, peak = answer.read().split()
        except BaseException:
            between.terminate()
            raise
    return int(code), int(peak)


def main(writing: int, command: Sequence[str]) -> None:
    """Runs the command and writes exit code and peak memory to a file descriptor."""
    process = subprocess.Popen(command)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the command, which gets it as well
    signal.signal(signal.SIGTERM, lambda *_: process.terminate())
    code = process.wait()
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * (1 if sys.platform == 'darwin' else 1024)
    os.write(writing, f'{code} {peak}'.encode())


if __name__ == '__main__':
    main(int(sys.argv[1]), sys.argv[2:])
