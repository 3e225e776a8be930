"""Atomic writing of files, through which every result is written, and the digest of files."""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Iterator, Mapping, Set
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


def file_digest(path: str | Path) -> str:
    """Returns the SHA-256 of the content of a file of any size.

    Raises:
        OSError: It cannot be read.
    """
    digest = hashlib.sha256()
    with open(path, 'rb') as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def write_bytes(path: str | Path, content: bytes) -> None:
    """Writes bytes atomically."""
    with atomic_write(path) as partial:
        Path(partial).write_bytes(content)


def write_text(path: str | Path, content: str) -> None:
    """Writes text atomically, in UTF-8 on every system."""
    write_bytes(path, content.encode())


def write_json(path: str | Path, content: Any, indent: int = 2) -> None:
    """Writes strict JSON atomically, see `encode_json`."""
    write_text(path, encode_json(content, indent) + '\n')


def encode_json(content: Any, indent: int | None = None) -> str:
    """Encodes results as strict JSON, which any reader accepts.

    Arrays and tensors become numbers and lists, and what JSON lacks becomes a string. JSON also lacks NaN and infinite
    numbers: these become null.
    """
    return json.dumps(_plain(content), indent=indent, allow_nan=False)


def _plain(value: Any) -> Any:
    if hasattr(value, 'tolist'):  # of numpy and torch, but also of others
        value = value.tolist()
    if isinstance(value, Mapping):
        return {_plain_key(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | Set):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, str | int) else str(value)


def _plain_key(key: Any) -> str:
    plain = _plain(key)
    return plain if isinstance(plain, str) else json.dumps(plain)
