"""Finds the file that is meant by a name under which there is none."""

import os
from pathlib import Path


def describe_nearby(path: Path, folder: Path | None = None) -> str:
    """Says which file exists in place of a missing one; empty if there is none.

    It may have separators of this system, another case, another suffix, or only the last of the folders: names in
    annotation files can be absolute, or repeat the folder that `data_prefix` names.

    Args:
        path: The missing file.
        folder: Folder that the names of files are below; that of the file if None.
    """
    folder = path.parent if folder is None else folder
    parts = str(path).removeprefix(f'{folder}{os.sep}').replace('\\', '/').strip('/').split('/')
    for first in range(len(parts)):
        found = _find(folder, parts[first:])
        if found is not None:
            return f'there is {found}'
    return ''


def _find(folder: Path, parts: list[str]) -> Path | None:
    """Returns the file below a folder with these names, in another case or with another suffix if there is none."""
    for part in parts[:-1]:
        names = [part] if (folder / part).is_dir() else [name for name in _list(folder) if _same(name, part)]
        if not names:
            return None
        folder /= names[0]
    name = parts[-1]
    for is_meant in (str.__eq__, _same, lambda other, name: _same(Path(other).stem, Path(name).stem)):
        for other in _list(folder):
            if is_meant(other, name) and (folder / other).is_file():
                return folder / other
    return None


def _same(one: str, other: str) -> bool:
    return one.casefold() == other.casefold()


def _list(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []
