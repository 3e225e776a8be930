"""Reads folders of pictures, one for each class."""

from collections import defaultdict
from pathlib import Path

from mmcrossformer.datasets.formats.found import Found, Picture
from mmcrossformer.datasets.formats.reader import Format, divide, entries, files_below, is_image, subset_of
from mmcrossformer.utils.errors import UserError, names

# Folders of pictures that are no classes.
_NO_CLASSES = ('images', 'image', 'imgs', 'img', 'masks', 'labels', 'annotations', 'jpegimages')


def _looks_like(folder: Path) -> list[str]:
    try:
        places = _subsets(folder).values()
        found = {path.name for place in places for path in _folders(place) if _has_pictures(path)}
    except UserError:
        return []
    if not found or any(name.lower() in _NO_CLASSES for name in found):
        return []
    return [f'pictures in {len(found)} folders, such as {names(sorted(found))}']


def _read(folder: Path, share: float | None) -> Found:
    notes, subsets = list[str](), defaultdict[str, dict[str, list[Path]]](dict)
    for place_name, place in _subsets(folder).items():
        loose = [path for path in entries(place) if is_image(path) and path.is_file()]
        if loose:
            notes.append(f'{len(loose)} pictures in {place} are in no folder of a class, and are left out')
        found = {path.name: [file for file in files_below(path) if is_image(file)] for path in _folders(place)}
        empty = [name for name, files in found.items() if not files]
        if empty:
            notes.append(f'{len(empty)} folders in {place} have no pictures, and are left out: {names(empty)}')
        subsets[place_name] = {name: files for name, files in found.items() if files}
    # By the name, as mmpretrain numbers folders.
    classes = tuple(sorted(subsets['train']))
    unknown = sorted({*subsets['val']} - {*classes})
    if unknown:
        raise UserError(
            f'{folder} has classes for validation that it has no pictures of to train on: {names(unknown)}. The '
            f'classes are {names(classes) or "none"}'
        )
    pictures = {
        name: [
            Picture(path, classes.index(label)) for label, files in found.items() if label in classes for path in files
        ]
        for name, found in subsets.items()
    }
    train, val, more = divide(pictures, folder, share)
    present = {picture.annotation for picture in train}
    absent = [name for label, name in enumerate(classes) if label not in present]
    if absent:
        raise UserError(
            f'no pictures of {names(absent)} are left to train on after the split: add some, or leave it out'
        )
    return Found('classes', CLASS_FOLDERS.title, folder, classes, train, val, notes=(*notes, *more))


def _subsets(folder: Path) -> dict[str, Path]:
    """Returns the folders of the subsets; the folder itself, as 'train', if it is not divided."""
    found = {subset: path for path in _folders(folder) if (subset := subset_of(path.name)) and _folders(path)}
    return found if found and ('train' in found or len(found) == len(_folders(folder))) else {'train': folder}


def _folders(folder: Path) -> list[Path]:
    return [path for path in entries(folder) if path.is_dir()]


def _has_pictures(folder: Path) -> bool:
    return any(is_image(path) for path in files_below(folder))


CLASS_FOLDERS = Format(
    name='class-folders',
    title='folders of classes',
    looks_for='a folder of pictures for each class, at the top or in train/ and val/',
    looks_like=_looks_like,
    read=_read,
    fallback=True,
)
