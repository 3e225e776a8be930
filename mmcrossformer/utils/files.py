"""Files that are whole or not there. Every result is written through this module."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PARTIAL = '.partial'


@contextmanager
def atomic_write(path: str | Path) -> Iterator[str]:
    """Yields a name to write a file under, which becomes `path` when it is complete and on the disk.

    After an error the file that was at `path` before is still there, and nothing else.
    """
    partial = f'{path}{PARTIAL}'
    try:
        yield partial
        with open(partial, 'r+b') as file:  # not every system syncs a file that is open for reading alone
            os.fsync(file.fileno())
        os.replace(partial, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(partial)
        raise


def write_bytes(path: str | Path, content: bytes) -> None:
    """Writes bytes as a file that is whole or not there."""
    with atomic_write(path) as partial:
        Path(partial).write_bytes(content)


def write_text(path: str | Path, content: str) -> None:
    """Writes text, in UTF-8 on every system, as a file that is whole or not there."""
    write_bytes(path, content.encode())


def write_json(path: str | Path, content: Any, indent: int = 2) -> None:
    """Writes json that is whole or not there; numbers, arrays and tensors of libraries become plain ones."""
    write_text(path, json.dumps(content, indent=indent, default=_plain) + '\n')


def write_figure(path: str | Path, figure: Figure, **options: Any) -> None:
    """Writes a figure of matplotlib as a PNG that is whole or not there; `options` go to its `savefig`."""
    with atomic_write(path) as partial:
        figure.savefig(partial, format='png', **options)


def _plain(value: Any) -> Any:
    """Returns what json knows for a number, array or tensor of a library, and for others what they print."""
    return value.tolist() if hasattr(value, 'tolist') else str(value)
