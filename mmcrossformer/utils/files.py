"""Files that are whole or not there."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PARTIAL = '.partial'


@contextmanager
def written_whole(path: str | Path) -> Iterator[str]:
    """Gives a name to write a file under, which becomes `path` when it is complete and on the disk."""
    partial = f'{path}{PARTIAL}'
    yield partial
    with open(partial, 'rb') as file:
        os.fsync(file.fileno())
    os.replace(partial, path)
