"""Uses own data in a job: finds out what it is, and sets it in the config."""

from pathlib import Path
from typing import NamedTuple

from mmengine.config import Config

from mmcrossformer.config.own_data import use_found, use_own_coco
from mmcrossformer.datasets.coco import Reader, read_coco
from mmcrossformer.datasets.formats.find import find_data
from mmcrossformer.datasets.formats.found import Found
from mmcrossformer.utils.errors import names


class OwnCoco(NamedTuple):
    """Own data in COCO format, named file by file.

    Attributes:
        data_root: Folder of the data.
        train_ann: Annotations to train on, below `data_root`.
        val_ann: Annotations to validate on, below `data_root`.
        img_dir: Folder of the images, below `data_root`.
    """

    data_root: str
    train_ann: str
    val_ann: str
    img_dir: str


class OwnData(NamedTuple):
    """Own data.

    Attributes:
        folder: Folder in any format of docs/own_data.md.
        split: Share of the images to train on, where the folder has none to validate on; None for 0.8.
        data_format: Name of the format, where the folder has several.
        coco: Data in COCO format, named file by file, in place of a folder.
    """

    folder: str | Path | None = None
    split: float | None = None
    data_format: str | None = None
    coco: OwnCoco | None = None


def use_own_data(cfg: Config, data: OwnData, out: Path, read: Reader = read_coco) -> tuple[str, ...]:
    """Sets own data in a config.

    Args:
        cfg: The config; changed in place.
        data: The data; nothing is changed if it names none.
        out: Folder for what has to be written, such as annotations in another format; the data stay as they are.
        read: Reads an annotation file; pass a cached function if the same files are read elsewhere.

    Returns:
        What was found and decided, a sentence each.

    Raises:
        UserError: The data cannot be read, are ambiguous, or do not fit the config.
    """
    if data.coco is not None:
        use_own_coco(cfg, *data.coco, read=read)
    if data.folder is None:
        return ()
    found = find_data(Path(data.folder), data.split, data.data_format)
    return (_describe(found), *found.notes, *use_found(cfg, found, out))


def _describe(found: Found) -> str:
    kind = {'objects': 'boxes and masks' if found.masks else 'boxes'}.get(found.kind, found.kind)
    return (
        f'{found.folder}: {found.format}, {kind}; {len(found.train)} images to train on, {len(found.val)} to validate '
        f'on; {len(found.classes)} classes: {names(found.classes)}'
    )
