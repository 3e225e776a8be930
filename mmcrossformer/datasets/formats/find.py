"""Finds out what lies in a folder of own data, and reads it."""

from pathlib import Path

from mmcrossformer.datasets.formats.class_folders import CLASS_FOLDERS
from mmcrossformer.datasets.formats.coco import COCO
from mmcrossformer.datasets.formats.found import Found
from mmcrossformer.datasets.formats.label_maps import LABEL_MAPS
from mmcrossformer.datasets.formats.labelme import LABELME
from mmcrossformer.datasets.formats.reader import Format, entries, subset_of
from mmcrossformer.datasets.formats.voc import VOC
from mmcrossformer.datasets.formats.yolo import YOLO
from mmcrossformer.utils.errors import UserError, names

FORMATS: tuple[Format, ...] = (COCO, YOLO, VOC, LABELME, LABEL_MAPS, CLASS_FOLDERS)


def find_data(folder: Path, split_share: float | None = None, data_format: str | None = None) -> Found:
    """Finds out the format of a folder of own data, and reads it. The folder is left as it is.

    Args:
        folder: The folder; if a folder is all it contains, that one.
        split_share: Share of the pictures to train on where there is no subset for validation, above 0 and below 1;
            None for the default.
        data_format: Name of the format, needed where several match; None to find it out.

    Raises:
        UserError: The folder does not exist, no format or several formats match, an argument is not allowed, the data
            cannot be read, or there are no objects to train on.
    """
    if not folder.is_dir():
        raise UserError(f'--data {folder} is {"no folder" if folder.exists() else "not there"}')
    if split_share is not None and not 0 < split_share < 1:
        raise UserError(f'--split is the share of the pictures to train on, above 0 and below 1, got {split_share:g}')
    chosen = FORMATS if data_format is None else (_format_of(data_format),)
    folder = _unwrap(folder.resolve())
    found = [(chance, place) for chance in chosen if not chance.fallback for place in chance.looks_like(folder)]
    found = found or [(chance, place) for chance in chosen if chance.fallback for place in chance.looks_like(folder)]
    if not found:
        raise UserError(_describe_nothing(folder, chosen))
    if len(found) > 1:
        raise UserError(_describe_choices(folder, found))
    data = found[0][0].read(folder, split_share)
    if data.kind == 'objects' and not any(picture.annotation for picture in data.train):
        raise UserError(f'--data {folder} has {data.format}, but no objects in {len(data.train)} pictures to train on')
    return data


def _format_of(name: str) -> Format:
    for known in FORMATS:
        if known.name == name:
            return known
    raise UserError(f'--data-format is one of {", ".join(known.name for known in FORMATS)}, got {name!r}')


def _unwrap(folder: Path) -> Path:
    """Archives often unpack to a folder in a folder."""
    inside = entries(folder)
    while len(inside) == 1 and inside[0].is_dir() and not subset_of(inside[0].name):
        folder = inside[0]
        inside = entries(folder)
    return folder


def _describe_nothing(folder: Path, chosen: tuple[Format, ...]) -> str:
    inside = [f'{path.name}/' if path.is_dir() else path.name for path in entries(folder)]
    looked = '\n'.join(f'  {known.name}: {known.looks_for}' for known in chosen)
    return (
        f'--data {folder} has no data of a known format. It has {names(inside) or "nothing"}. Looked for\n{looked}\n'
        'Pass the folder that has this, or convert other formats with datumaro, see docs/own_data.md'
    )


def _describe_choices(folder: Path, found: list[tuple[Format, str]]) -> str:
    choices = '\n'.join(f'  {known.name} ({known.title}): {place}' for known, place in found)
    several = len({known.name for known, _ in found}) > 1
    remedy = 'choose one with --data-format, or pass' if several else 'pass'
    return f'--data {folder} can be read in several ways:\n{choices}\nFor one of them, {remedy} a folder with it alone'
