"""Reads the names of classes, and their colours, beside label maps."""

import csv
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from mmcrossformer.datasets.formats.reader import entries
from mmcrossformer.utils.errors import UserError, names

_LISTS = ('classes', 'names', 'labels', 'class_names')


@dataclass(frozen=True)
class MapClasses:
    """Names of the classes of label maps.

    Attributes:
        path: The file that they are from.
        names: The names in the order of the labels.
        colors: By the number of a colour, the label; empty if the file has none.
    """

    path: Path
    names: tuple[str, ...]
    colors: dict[int, int] = field(default_factory=dict)


def find_classes(folders: Iterable[Path]) -> MapClasses | None:
    """Returns the classes of the first file of a known name in the folders, or None.

    Known are `classes.txt`, `names.txt` and `labels.txt` with a name in each line, the same names with `.json` (a list
    of names, names by label, or labels by name), `labelmap.txt` of CVAT with colours, and `_classes.csv` of Roboflow.

    Raises:
        UserError: The file cannot be read.
    """
    for folder in folders:
        for path in entries(folder):
            try:
                if (found := _read(path)) is not None:
                    return found
            except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
                raise UserError(f'classes in {path} cannot be read: {type(error).__name__}: {error}') from error
    return None


def _read(path: Path) -> MapClasses | None:
    name = path.name.lower()
    if name == 'labelmap.txt':
        return _read_colors(path)
    if name == '_classes.csv':
        return _read_table(path)
    if path.stem.lower() not in _LISTS or not path.is_file():
        return None
    if path.suffix.lower() == '.txt':
        return _checked(path, [line.strip() for line in _text(path).splitlines() if line.strip()])
    return _read_json(path) if path.suffix.lower() == '.json' else None


def _read_json(path: Path) -> MapClasses:
    content = json.loads(_text(path))
    if isinstance(content, dict) and all(isinstance(value, int) for value in content.values()):
        content = {value: key for key, value in content.items()}
    return _by_label(path, content) if isinstance(content, dict) else _checked(path, list(content))


def _read_table(path: Path) -> MapClasses:
    _, *rows = [row for row in csv.reader(_text(path).splitlines()) if row]
    return _by_label(path, {row[0]: row[1].strip() for row in rows})


def _by_label(path: Path, content: dict) -> MapClasses:
    by_label = {int(label): name for label, name in content.items()}
    if sorted(by_label) != [*range(len(by_label))]:
        raise ValueError(f'labels must be 0 to {len(by_label) - 1}, got {names(sorted(by_label))}')
    return _checked(path, [by_label[label] for label in range(len(by_label))])


def _read_colors(path: Path) -> MapClasses:
    """Lines are `name:red,green,blue:parts:actions`, after comments."""
    found, colors = list[str](), dict[int, int]()
    for line in _text(path).splitlines():
        if line.strip() and not line.startswith('#'):
            name, color, *_ = line.split(':')
            red, green, blue = (int(value) for value in color.split(','))
            colors[red << 16 | green << 8 | blue] = len(found)
            found.append(name.strip())
    return MapClasses(path, _checked(path, found).names, colors)


def _checked(path: Path, found: list) -> MapClasses:
    if not found or not all(isinstance(name, str) and name for name in found):
        raise ValueError('every class needs a name')
    if len(set(found)) < len(found):
        raise ValueError(f'names are not unique: {names(found)}')
    return MapClasses(path, tuple(found))


def _text(path: Path) -> str:
    return path.read_text(encoding='utf-8-sig')
