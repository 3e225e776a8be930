"""Atomic writing of files. Every result is written through this module."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

PARTIAL = '.partial'


@contextmanager
def atomic_write(path: str | Path) -> Iterator[str]:
    """Yields a temporary name to write to; the file is renamed to `path` when it is complete and on the disk.

    After an error an older file at `path` stays, and the temporary file is removed.
    """
    partial = f'{path}{PARTIAL}'
    try:
        yield partial
        with open(partial, 'r+b') as file:  # some systems cannot sync a file that is open for reading only
            os.fsync(file.fileno())
        os.replace(partial, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(partial)
        raise


def write_bytes(path: str | Path, content: bytes) -> None:
    """Writes bytes atomically."""
    with atomic_write(path) as partial:
        Path(partial).write_bytes(content)


def write_text(path: str | Path, content: str) -> None:
    """Writes text atomically, in UTF-8 on every system."""
    write_bytes(path, content.encode())


def write_json(path: str | Path, content: Any, indent: int = 2) -> None:
    """Writes JSON atomically; arrays and tensors become numbers and lists."""
    write_text(path, json.dumps(content, indent=indent, default=_plain) + '\n')


def _plain(value: Any) -> Any:
    """Converts arrays and tensors to numbers and lists, other values to strings."""
    return value.tolist() if hasattr(value, 'tolist') else str(value)
