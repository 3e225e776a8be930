"""Runs a program in several processes that talk to each other, as `torchrun --standalone` does.

The agent is torch's own; its processes are forks of this one and not fresh interpreters, so libraries that are
imported here are imported in all of them.

Arguments: the number of processes, the program, its arguments.
"""

import runpy
import signal
import sys
import time
import uuid
from pathlib import Path

from torch.distributed.launcher.api import LaunchConfig, elastic_launch


def become(program, args):
    """Runs a program in a fork of the agent."""
    # The agent's handlers are for the agent alone.
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.argv = [program, *args]
    sys.path[0] = str(Path(program).parent)
    try:
        runpy.run_path(program, run_name='__main__')
    except SystemExit as stopped:
        if stopped.code:
            # As long as interpreters take to end: until then, the agent lets the others say what they have found.
            time.sleep(1)
            raise
        # To the agent, success is a function that returns.


def main():
    """Starts the agent; a program that fails ends it with a traceback and exit code 1, as torchrun does."""
    processes, program, *args = sys.argv[1:]
    meeting = dict(rdzv_backend='c10d', rdzv_endpoint='localhost:0', run_id=str(uuid.uuid4()))
    config = LaunchConfig(1, 1, int(processes), **meeting, max_restarts=0, start_method='fork')
    elastic_launch(config, become)(program, args)


if __name__ == '__main__':
    main()
