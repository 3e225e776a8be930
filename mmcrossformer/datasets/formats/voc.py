"""Objects in the xml files of Pascal VOC, as labelImg, CVAT and Roboflow write them."""

import re
from collections import defaultdict
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from xml.etree import ElementTree

from mmcrossformer.datasets.formats.found import Found, Picture
from mmcrossformer.datasets.formats.pictures import Images, check_complete, note_unused
from mmcrossformer.datasets.formats.reader import (
    Format,
    divide,
    entries,
    files_below,
    finite,
    read_lines,
    subset_of_place,
)
from mmcrossformer.utils.errors import UserError

_ROOT = re.compile(rb'<annotation[\s>]')
_HEAD = 1000
_CORNERS = ('xmin', 'ymin', 'xmax', 'ymax')
# Of two lists with the same picture, the later counts.
_LISTS = dict(trainval='train', test='test', train='train', val='val')


def _is_voc(path: Path) -> bool:
    try:
        with open(path, 'rb') as file:
            return _ROOT.search(file.read(_HEAD).replace(b'\0', b'')) is not None  # also UTF-16
    except OSError:
        return False


def _xml_files(folder: Path) -> Iterator[Path]:
    return (path for path in files_below(folder) if path.suffix.lower() == '.xml' and _is_voc(path))


def _looks_like(folder: Path) -> list[str]:
    return [f'{path.relative_to(folder)} and others' for path in islice(_xml_files(folder), 1)]


def _read(folder: Path, share: float | None) -> Found:
    files, images = list(_xml_files(folder)), Images(folder)
    lists = _lists(folder)
    subsets: dict[str, list[Picture]] = defaultdict(list)
    missing, unlisted, difficult = [], 0, 0
    names = set[str]()
    everything = []
    for path in files:
        root = _parse(path)
        place_subset = subset_of_place(path.parent, folder)
        listed = next((lists[parent] for parent in path.parents if parent in lists), None)
        subset = (place_subset or 'train') if listed is None else listed.get(path.stem)
        # The name in the file is often that before the picture was renamed.
        image = images.find(path.stem, path, place_subset)
        image = image or images.find((root.findtext('filename') or '').strip(), path, place_subset)
        if image is None:
            if subset in ('train', 'val'):
                missing.append(path.name)
            continue
        objects = _objects(path, root)
        picture = Picture(image, objects, _size(root))
        everything.append(picture)
        if subset is None:
            unlisted += 1
            continue
        if subset != 'test':
            names.update(entry['category'] for entry in objects)
            difficult += sum(entry['iscrowd'] for entry in objects)
        subsets[subset].append(picture)
    check_complete(missing, len(files), f'the xml files of {folder}', folder)
    classes = tuple(sorted(names))
    for subset in ('train', 'val'):
        for picture in subsets[subset]:
            for entry in picture.annotation:
                entry['category'] = classes.index(entry['category'])
    train, val, notes = divide(subsets, folder, share)
    if unlisted:
        notes.append(f'{unlisted} pictures are in no list of ImageSets and are left out')
    if difficult:
        notes.append(f'{difficult} objects are marked as difficult: they are neither learned nor counted as missed')
    return Found(
        kind='objects',
        format=VOC.title,
        folder=folder,
        classes=classes,
        train=train,
        val=val,
        notes=(*note_unused(images, everything), *notes),
    )


def _lists(folder: Path) -> dict[Path, dict[str, str]]:
    """Returns for folders with `ImageSets` the subset of each picture, by the name without suffix."""
    lists: dict[Path, dict[str, str]] = {}
    tops = [folder, *(path for path in entries(folder) if path.is_dir())]
    for top in tops:
        main = next((place for place in (top / 'ImageSets/Main', top / 'ImageSets') if place.is_dir()), None)
        for name, subset in _LISTS.items() if main else ():
            if main and (path := main / f'{name}.txt').is_file():
                rows = (line.split() for line in read_lines(path))
                # Other programs write the suffix, or a number behind the name.
                stems = (re.sub(r'\.(jpe?g|png|bmp)$', '', row[0], flags=re.IGNORECASE) for row in rows if row)
                lists.setdefault(top, {}).update({stem.rpartition('/')[2]: subset for stem in stems})
    return lists


def _parse(path: Path) -> ElementTree.Element:
    try:
        return ElementTree.parse(path).getroot()
    except (ElementTree.ParseError, OSError, ValueError) as error:
        raise UserError(f'annotation file {path} is no xml that can be read: {error}') from error


def _size(root: ElementTree.Element) -> tuple[int, int] | None:
    """Returns the stated size; some programs write zeros."""
    try:
        width, height = (int(finite(root.findtext(f'size/{side}') or 0)) for side in ('width', 'height'))
    except ValueError:
        return None
    return (width, height) if width > 0 and height > 0 else None


def _objects(path: Path, root: ElementTree.Element) -> list[dict]:
    """Returns the objects, with the name of the class as `category`.

    The first pixel of VOC is (1, 1), so 1 is subtracted from all corners, as `XMLDataset` of mmdet does: the box of
    COCO has the width xmax - xmin. Difficult objects are `iscrowd`, which mmdet ignores in the same way.
    """
    objects = []
    for number, entry in enumerate(root.findall('object'), 1):
        name = (entry.findtext('name') or '').strip()
        try:
            left, top, right, bottom = (finite(entry.findtext(f'bndbox/{corner}')) for corner in _CORNERS)
            difficult = int(finite(entry.findtext('difficult') or 0))
        except ValueError as error:
            raise UserError(
                f'annotation file {path}: object {number} needs a bndbox with the numbers {", ".join(_CORNERS)}, and '
                'difficult, if there is one, is 0 or 1'
            ) from error
        if not name:
            raise UserError(f'annotation file {path}: object {number} has no name')
        objects.append(
            dict(bbox=[left - 1, top - 1, right - left, bottom - top], category=name, iscrowd=int(difficult != 0))
        )
    return objects


VOC = Format(
    name='voc',
    title='Pascal VOC',
    looks_for='xml files with an annotation each, in Annotations or beside the pictures; ImageSets/Main/train.txt and '
    'val.txt if there are lists',
    looks_like=_looks_like,
    read=_read,
)
