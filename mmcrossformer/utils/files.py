"""Files that are whole or not there."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PARTIAL = '.partial'


@contextmanager
def written_whole(path: str | Path) -> Iterator[str]:
    """Gives a name to write a file under, which becomes `path` when it is complete and on the disk."""
    partial = f'{path}{PARTIAL}'
    yield partial
    with open(partial, 'rb') as file:
        os.fsync(file.fileno())
    os.replace(partial, path)


def write_json(path: str | Path, content: Any, indent: int = 2) -> None:
    """Writes json that is whole or not there; numbers, arrays and tensors of libraries become plain ones."""
    with written_whole(path) as partial:
        Path(partial).write_text(json.dumps(content, indent=indent, default=_plain) + '\n')


def _plain(value: Any) -> Any:
    """Returns what json knows for a number, array or tensor of a library, and for others what they print."""
    return value.tolist() if hasattr(value, 'tolist') else str(value)
