"""Runs a command of mmcrossformer and kills it when the files of a folder have some lines.

Arguments: the folder, the number of lines, the command with its arguments.
"""

import os
import signal
import sys
import threading
import time
from pathlib import Path

import mmcrossformer_cli


def kill(folder, lines):
    """Waits for the lines, then kills this process."""
    while sum(len(path.read_bytes().splitlines()) for path in Path(folder).glob('*')) < lines:
        time.sleep(0.01)
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == '__main__':
    _, folder, lines, *command = sys.argv
    threading.Thread(target=kill, args=(folder, int(lines)), daemon=True).start()
    sys.argv = ['mmcrossformer', *command]
    mmcrossformer_cli.main()
