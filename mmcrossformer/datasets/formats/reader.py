"""What every reader of a format consists of, and what readers share."""

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mmcrossformer.datasets.formats.found import Found, Picture
from mmcrossformer.datasets.formats.split import split
from mmcrossformer.utils.errors import UserError

DEFAULT_SHARE = 0.8
IMAGE_SUFFIXES = ('.jpg', '.jpeg', '.png', '.bmp', '.tif', '.tiff', '.webp')
# What operating systems and notebooks leave in folders.
_LEFT_BY_SYSTEMS = ('__MACOSX', 'Thumbs.db', 'thumbs.db', 'desktop.ini', '__pycache__')
_SUBSETS = dict(train='train', training='train', val='val', valid='val', validation='val', test='test', testing='test')


@dataclass(frozen=True)
class Format:
    """A format of own data, and how to read it.

    Attributes:
        name: Name on the command line, as in `--data-format yolo`.
        title: Name in messages, the `format` of what is found.
        looks_for: What has to lie in the folder, for the message where nothing is found.
        looks_like: Returns the places in the folder that show this format, relative to it, each a choice of its own,
            such as two unrelated COCO jsons; empty without any. It looks at names and at as little content as it can,
            and raises nothing.
        read: Reads the folder. Its arguments are the folder, and the share of the pictures to train on where there is
            no subset for validation, or None for the default.
        fallback: Whether the format is considered only where no other matches, because it has no annotation files.
    """

    name: str
    title: str
    looks_for: str
    looks_like: Callable[[Path], list[str]]
    read: Callable[[Path, float | None], Found]
    fallback: bool = False


def entries(folder: Path) -> list[Path]:
    """Returns what lies in a folder in the order of the names, without hidden files and what systems leave there.

    Raises:
        UserError: The folder cannot be read.
    """
    try:
        found = sorted(folder.iterdir())
    except OSError as error:
        raise UserError(f'folder {folder} cannot be read: {error.strerror}') from error
    return [path for path in found if not path.name.startswith('.') and path.name not in _LEFT_BY_SYSTEMS]


def files_below(folder: Path) -> Iterator[Path]:
    """Yields the files in and below a folder, in the order of the names; each real folder is entered once."""
    entered: set[Path] = set()

    def walk(place: Path) -> Iterator[Path]:
        real = place.resolve()
        if real in entered:
            return
        entered.add(real)
        for path in entries(place):
            if path.is_dir():
                yield from walk(path)
            elif path.is_file():
                yield path

    return walk(folder)


def read_lines(path: Path) -> list[str]:
    """Returns the lines of a text file.

    Raises:
        UserError: The file cannot be read.
    """
    try:
        return path.read_text(encoding='utf-8-sig').splitlines()
    except OSError as error:
        raise UserError(f'{path} cannot be read: {error.strerror}') from error
    except UnicodeDecodeError as error:
        raise UserError(f'{path} is not UTF-8: save it as UTF-8 ({error})') from error


def finite(value: str | float | None) -> float:
    """Returns a number; raises a `ValueError` for what is none, and for NaN and infinite numbers."""
    number = float(value if value is not None else '')
    if not math.isfinite(number):
        raise ValueError(f'{value} is no finite number')
    return number


def is_image(path: Path) -> bool:
    """Whether the suffix of a file is that of an image."""
    return path.suffix.lower() in IMAGE_SUFFIXES


def subset_of(name: str) -> str | None:
    """Returns the subset that a name states: 'train', 'val', 'test' or None.

    One word of the name has to be that of a subset, as in `train`, `instances_val2017`, `Validation` or `valid.json`.
    """
    words = re.split(r'[^a-z]+', name.lower())
    found = {_SUBSETS[word] for word in words if word in _SUBSETS}
    return found.pop() if len(found) == 1 else None


def subset_of_place(path: Path, folder: Path) -> str | None:
    """Returns the subset that the outermost name on the way from a folder to a file states, or None."""
    return next((subset for part in path.relative_to(folder).parts if (subset := subset_of(part))), None)


def divide(
    subsets: dict[str, list[Picture]], folder: Path, share: float | None
) -> tuple[list[Picture], list[Picture], list[str]]:
    """Returns pictures to train on, pictures to validate on, and notes on how they were chosen.

    Args:
        subsets: Pictures of the subsets 'train', 'val' and 'test', of which any may be missing. Pictures of no subset
            are 'train'.
        folder: The folder, for messages.
        share: Share to train on where there is no subset for validation; None for the default.

    Raises:
        UserError: There is nothing to train on, or a share although the folder has a subset for validation, or the
            pictures cannot be split.
    """
    train, val, test = (subsets.get(name, []) for name in ('train', 'val', 'test'))
    if not train:
        raise UserError(f'{folder} has no pictures to train on, {len(val)} to validate on and {len(test)} to test on')
    notes = [f'{len(test)} pictures of the subset for testing are not used'] if test else []
    if val:
        if share is not None:
            raise UserError(
                f'--split {share:g} is for folders without a subset for validation; {folder} has {len(train)} pictures '
                f'for training and {len(val)} for validation: leave out --split'
            )
        return train, val, notes
    chosen = DEFAULT_SHARE if share is None else share
    train, val = split(train, chosen)
    notes.append(
        f'there is no subset for validation: {len(val)} of {len(train) + len(val)} pictures are kept for it, chosen by '
        f'their content (--split {chosen:g})'
    )
    return train, val, notes
