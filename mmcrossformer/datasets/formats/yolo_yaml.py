"""Reads `data.yaml`, which describes data of YOLO."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmcrossformer.datasets.formats.reader import entries, files_below, is_image, read_lines
from mmcrossformer.utils.errors import UserError, names

_SUFFIXES = ('.yaml', '.yml')
_USUAL_NAMES = ('data', 'dataset')
_SUBSETS = dict(train=('train',), val=('val', 'valid', 'validation'), test=('test',))


@dataclass(frozen=True)
class DataYaml:
    """A description of data.

    Attributes:
        source: The file that names the classes.
        classes: Names of the classes.
        images: Image files by subset.
        keypoints: How many numbers of keypoints follow a box.
        notes: For the user.
    """

    source: Path
    classes: tuple[str, ...]
    images: dict[str, list[Path]]
    keypoints: int = 0
    notes: tuple[str, ...] = ()


def find_yaml(folder: Path) -> list[Path]:
    """Returns the descriptions in a folder, or else below it; in it, files of the usual names count in any case."""
    files = [path for path in entries(folder) if path.suffix.lower() in _SUFFIXES and path.is_file()]
    found = [path for path in files if path.stem.lower() in _USUAL_NAMES or _describes_data(path)]
    below = (path for path in files_below(folder) if path.suffix.lower() in _SUFFIXES)
    return found or [path for path in below if _describes_data(path)]


def read_yaml(path: Path) -> DataYaml:
    """Reads a description, and lists the images.

    Raises:
        UserError: It cannot be read, classes or pictures to train on are missing, or images cannot be found.
    """
    content = _load(path)
    classes = _classes(path, content)
    images: dict[str, list[Path]] = {}
    notes = []
    for subset, keys in _SUBSETS.items():
        value = next((content[key] for key in keys if content.get(key)), None)
        if value is None:
            continue
        for entry in [value] if isinstance(value, str) else value:
            place = _find(path, content, str(entry))
            if place is not None:
                images.setdefault(subset, []).extend(_images_of(place))
            elif subset == 'train':
                raise UserError(f'{path}: train is {entry}, which is not there. It is a folder or a list of images')
            else:  # Roboflow names subsets that it does not write
                notes.append(f'{path.name} names {entry} for {subset}, which is not there')
    if not images.get('train'):
        raise UserError(f'{path}: there are no images to train on; train has to be a folder or a list of images')
    return DataYaml(path, classes, images, _keypoints(path, content), tuple(notes))


def _load(path: Path) -> dict[str, Any]:
    import yaml  # it comes with the host libraries

    try:
        # Texts alone: names such as `no` and `1` stay what was written.
        content = yaml.load('\n'.join(read_lines(path)), yaml.BaseLoader)
    except yaml.YAMLError as error:
        raise UserError(f'{path} is no yaml that can be read: {error}') from error
    if not isinstance(content, dict):
        raise UserError(f'{path} is no description of data: it needs names and train')
    return content


def _describes_data(path: Path) -> bool:
    try:
        content = _load(path)
    except UserError:
        return False
    return 'names' in content and any(content.get(key) for keys in _SUBSETS.values() for key in keys)


def _classes(path: Path, content: dict[str, Any]) -> tuple[str, ...]:
    found = content.get('names')
    if isinstance(found, dict) and found:
        if sorted(found) != sorted(map(str, range(len(found)))):
            raise UserError(f'{path}: the numbers of names have to be 0 to {len(found) - 1}, got {names(list(found))}')
        found = [found[str(label)] for label in range(len(found))]
    if not isinstance(found, list) or not found or not all(isinstance(name, str) and name for name in found):
        raise UserError(f'{path}: names has to be a list of class names, or a name for each number, got {found!r}')
    count = content.get('nc', len(found))
    if str(count) != str(len(found)):
        raise UserError(f'{path}: nc is {count}, but names has {len(found)}: {names(found)}')
    return tuple(found)


def _keypoints(path: Path, content: dict[str, Any]) -> int:
    shape = content.get('kpt_shape')
    if not shape:
        return 0
    try:
        count, numbers = map(int, shape)
    except (TypeError, ValueError) as error:
        raise UserError(f'{path}: kpt_shape has to be two numbers, got {shape!r}') from error
    return count * numbers


def _find(path: Path, content: dict[str, Any], entry: str) -> Path | None:
    """Returns the folder or list that an entry names, as ultralytics and Roboflow mean it."""
    entry = entry.replace('\\', '/')
    parent = path.parent
    bases = [parent / str(content.get('path') or ''), parent]
    # Roboflow writes ../train/images for train/images.
    tries = [base / name for name in (entry, entry.removeprefix('../')) for base in bases]
    parts = Path(entry).parts
    # Absolute names of another machine: their last two or more parts.
    tries += (
        [parent.joinpath(*parts[start:]) for start in range(1, len(parts) - 1)] if Path(entry).is_absolute() else []
    )
    # Links are not resolved: the text files lie beside them.
    return next((Path(os.path.abspath(place)) for place in tries if place.exists()), None)


def _images_of(place: Path) -> Sequence[Path]:
    if place.is_dir():
        return [path for path in files_below(place) if is_image(path)]
    if is_image(place):
        return [place]
    images = [place.parent / line.strip() for line in read_lines(place) if line.strip()]
    missing = [image for image in images if not image.is_file()]
    if missing:
        raise UserError(f'{place}: {len(missing)} of {len(images)} images are not there: {names(missing)}')
    return images
