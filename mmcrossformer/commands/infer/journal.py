"""Results as they come, one line for each picture, so that an interrupted run loses nothing."""

import json
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from mmcrossformer.commands.infer.inputs import Source

Record = dict[str, Any]
_SYNC_SECONDS = 5.0
_BLOCK = 1 << 16  # bytes; most lines are shorter


class Key(NamedTuple):
    """Which picture a line is about; a file that was changed since is another one."""

    path: str
    name: str
    size: int
    changed: int
    frame: int | None

    @classmethod
    def of(cls, source: Source, frame: int | None) -> 'Key':
        """The key of a picture or frame."""
        return cls(str(source.path), source.name, source.size, source.changed, frame)


class Journal:
    """Lines that one process appends, on the disk soon after.

    Args:
        path: The file; what an interrupted run left of its last line is removed.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open('a+b')
        self._file.truncate(_end_of_whole_lines(self._file))
        self._synced = time.monotonic()

    def __enter__(self) -> 'Journal':
        return self

    def __exit__(self, *_: object) -> None:
        self._sync()
        self._file.close()

    def append(self, key: Key, record: Record) -> None:
        """Adds a line, which survives the end of the process from then on."""
        self._file.write(json.dumps([key, record]).encode() + b'\n')
        self._file.flush()
        if time.monotonic() - self._synced > _SYNC_SECONDS:
            self._sync()

    def _sync(self) -> None:
        os.fsync(self._file.fileno())
        self._synced = time.monotonic()


class FinishedRecords:
    """What the journals of a folder hold; records stay on the disk until they are asked for.

    Args:
        folder: Where the journals are. Lines that were cut off do not count.
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

    def images(self, sources: Sequence[Source]) -> Iterator[tuple[Source, int | None]]:
        """Yields what is finished of some sources, in their order: the source and, of videos, number of the frame."""
        frames: dict[Key, list[int]] = {}
        for key in self._places:
            if key.frame is not None:
                frames.setdefault(key._replace(frame=None), []).append(key.frame)
        for source in sources:
            for frame in sorted(frames.get(Key.of(source, None), ())) if source.is_video else [None]:
                if Key.of(source, frame) in self:
                    yield source, frame

    def read(self, source: Source, frame: int | None) -> Record:
        """Reads the record of a picture that is finished."""
        path, place = self._places[Key.of(source, frame)]
        with path.open('rb') as file:
            file.seek(place)
            return json.loads(file.readline())[1]


def _end_of_whole_lines(file: BinaryIO) -> int:
    """Returns the place behind the last newline, looking from the end of the file for it."""
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
    except ValueError:  # the power failed while it was written
        return None
