"""Stores each result at once, in one line for each image, so that an interrupted run loses nothing."""

import json
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from mmcrossformer.commands.infer.inputs import Source
from mmcrossformer.utils.errors import UserError

Record = dict[str, Any]
_SYNC_SECONDS = 5.0
_BLOCK = 1 << 16  # bytes; most lines are shorter


class Key(NamedTuple):
    """Identifies the image or frame of a line; a file that changed since has another key."""

    path: str
    name: str
    size: int
    changed: int
    frame: int | None

    @classmethod
    def of(cls, source: Source, frame: int | None) -> 'Key':
        """Returns the key of an image or frame."""
        return cls(str(source.path), source.name, source.size, source.changed, frame)


class Journal:
    """File to which one process appends lines, synced to disk every few seconds.

    Args:
        path: The file; an incomplete last line of an interrupted run is removed.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open('a+b')
        self._file.truncate(_end_of_complete_lines(self._file))
        self._synced = time.monotonic()

    def __enter__(self) -> 'Journal':
        return self

    def __exit__(self, *_: object) -> None:
        self._sync()
        self._file.close()

    def append(self, key: Key, record: Record) -> None:
        """Adds a line, which from then on survives a crash of the process."""
        self._file.write(json.dumps([key, record]).encode() + b'\n')
        self._file.flush()
        if time.monotonic() - self._synced > _SYNC_SECONDS:
            self._sync()

    def _sync(self) -> None:
        os.fsync(self._file.fileno())
        self._synced = time.monotonic()


class FinishedRecords:
    """Records in the journals of a folder, which are read from disk on request.

    Args:
        folder: Folder of the journals. Incomplete lines are ignored.
    """

    def __init__(self, folder: Path) -> None:
        self._places: dict[Key, tuple[Path, int]] = {}
        for path in sorted(folder.glob('*.jsonl')):
            place = 0
            with path.open('rb') as file:
                for line in file:
                    if (entry := _parse(line)) is not None:
                        self._places[Key(*entry[0])] = path, place
                    place += len(line)

    def __contains__(self, key: Key) -> bool:
        return key in self._places

    def check_names(self, sources: Sequence[Source]) -> None:
        """Raises a `UserError` if results of a source would replace those of a file in another folder."""
        owners = {key.name: key.path for key in self._places}
        for source in sources:
            owner = owners.get(source.name, str(source.path))
            if owner != str(source.path):
                raise UserError(
                    f'--out: results of {owner} in the folder have the name {source.name}, which those of '
                    f'{source.path} would have, too: name another folder, or replace them with --overwrite'
                )

    def images(self, sources: Sequence[Source]) -> Iterator[tuple[Source, int | None]]:
        """Yields the finished images of some sources, in order: the source and, for a video, number of the frame."""
        frames: dict[Key, list[int]] = {}
        for key in self._places:
            if key.frame is not None:
                frames.setdefault(key._replace(frame=None), []).append(key.frame)
        for source in sources:
            for frame in sorted(frames.get(Key.of(source, None), ())) if source.is_video else [None]:
                if Key.of(source, frame) in self:
                    yield source, frame

    def read(self, source: Source, frame: int | None) -> Record:
        """Reads the record of a finished image."""
        path, place = self._places[Key.of(source, frame)]
        with path.open('rb') as file:
            file.seek(place)
            return json.loads(file.readline())[1]


def _end_of_complete_lines(file: BinaryIO) -> int:
    """Returns the position after the last newline, searching from the end of the file."""
    end = file.seek(0, os.SEEK_END)
    while end:
        start = max(0, end - _BLOCK)
        file.seek(start)
        found = file.read(end - start).rfind(b'\n')
        if found >= 0:
            return start + found + 1
        end = start
    return 0


def _parse(line: bytes) -> list | None:
    try:
        return json.loads(line) if line.endswith(b'\n') else None
    except ValueError:  # broken by a power failure during the write
        return None
