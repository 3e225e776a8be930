"""Reads label maps beside pictures."""

import re
from collections import defaultdict
from pathlib import Path

from mmcrossformer.datasets.formats.found import Found, Picture
from mmcrossformer.datasets.formats.map_classes import MapClasses, find_classes
from mmcrossformer.datasets.formats.map_files import IGNORED, Values, in_threads, values_of
from mmcrossformer.datasets.formats.reader import Format, divide, files_below, is_image, subset_of_place
from mmcrossformer.utils.errors import UserError, names

_PICTURES = ('images', 'image', 'imgs', 'img', 'img_dir', 'pictures', 'photos', 'jpegimages', 'data')
_MAPS = (
    *('masks', 'mask', 'labels', 'label', 'annotations', 'annotation', 'ann_dir', 'gt', 'gts', 'ground_truth'),
    *('groundtruth', 'semantic', 'segmentation', 'segmentations', 'label_maps', 'labelmaps', 'segmentationclass'),
    *('segmentationclassraw', 'seg_maps', 'segmaps'),
)
# What the name of a map may have behind that of its picture.
_BEHIND = re.compile(r'[-_.](?:masks?|labels?|seg|segmentation|gt|semantic|labelids|labeltrainids)$', re.IGNORECASE)
_SHADES = {0: 0, 255: 1}
_WHITE = 0xFFFFFF

Key = tuple[str, ...]


def _looks_like(folder: Path) -> list[str]:
    try:
        pairs, _, _ = _pair(folder)
    except UserError:
        return []
    if not pairs:
        return []
    picture, label_map = (path.relative_to(folder) for path in pairs[0])
    return [f'{len(pairs)} pictures with a label map, such as {picture} and {label_map}']


def _read(folder: Path, share: float | None) -> Found:
    pairs, without, alone = _pair(folder)
    notes = [f'{len(without)} pictures without a label map are left out: {names(without)}'] if without else []
    notes += [f'{len(alone)} label maps without a picture are left out: {names(alone)}'] if alone else []
    subsets: dict[str, list[Picture]] = defaultdict(list)
    for path, label_map in pairs:
        subsets[subset_of_place(path.parent / 'x', folder) or 'train'].append(Picture(path, label_map))
    train, val, more = divide(subsets, folder, share)
    places = dict.fromkeys([folder, *(path.parent for pair in pairs for path in pair)])
    known = find_classes(places)
    values = _all_values([picture.annotation for picture in (*train, *val)])
    labels, remarks = _labels_of(values, known, folder)
    classes, about = _classes_of({labels[value] for value in labels} if labels else values.single, known, folder)
    return Found(
        kind='label maps',
        format=LABEL_MAPS.title,
        folder=folder,
        classes=classes,
        train=train,
        val=val,
        masks=True,
        labels=labels,
        notes=(*notes, *more, *remarks, *about),
    )


def _pair(folder: Path) -> tuple[list[tuple[Path, Path]], list[Path], list[Path]]:
    """Returns pictures with their maps, pictures without, and maps without.

    A map has the place of its picture but for one folder, such as `masks/train/x.png` and `images/train/x.jpg`, or lies
    beside it with something behind the name, such as `x_mask.png`.
    """
    pictures, maps, others = dict[Key, Path](), dict[Key, Path](), dict[Key, Path]()
    for path in files_below(folder):
        if is_image(path):
            parts = [part.lower() for part in path.parent.relative_to(folder).parts]
            role = next((part for part in parts if part in _MAPS), None)
            if role:
                maps.setdefault((*(part for part in parts if part != role), path.stem), path)
            else:
                frame = next((part for part in parts if part in _PICTURES), None)
                found = pictures if frame else others
                found.setdefault((*(part for part in parts if part != frame), path.stem), path)
    for key, path in others.items():
        plain = _without_end(key)
        if plain != key and (plain in others or plain in pictures):
            maps.setdefault(key, path)
        else:
            pictures.setdefault(key, path)
    pairs, used, alone = [], set[Key](), list[Path]()
    for key, path in maps.items():
        of = key if key in pictures else _without_end(key)
        if of in pictures and of not in used:
            used.add(of)
            pairs.append((pictures[of], path))
        else:
            alone.append(path)
    # Pictures elsewhere, such as those of predictions, are no part of the data.
    folders = {path.parent for path, _ in pairs}
    without = [path for key, path in pictures.items() if key not in used and path.parent in folders]
    return sorted(pairs), without, alone


def _without_end(key: Key) -> Key:
    return (*key[:-1], _BEHIND.sub('', key[-1]))


def _all_values(paths: list[Path]) -> Values:
    single, colors, first = set[int](), set[int](), dict[str, Path]()
    for path, found in zip(paths, in_threads(values_of, paths), strict=True):
        single |= found.single
        colors |= found.colors
        first.setdefault('colours' if found.colors else 'one channel', path)
        if found.single and max(found.single) > IGNORED:
            raise UserError(f'label map {path} has the value {max(found.single)}: labels are 0 to 254, 255 is ignored')
        if len(first) > 1:
            raise UserError(
                f'some label maps have colours, such as {first["colours"]}, and some one channel, such as '
                f'{first["one channel"]}: write all with one channel, the number of the class in each pixel'
            )
    return Values(frozenset(single), frozenset(colors))


def _labels_of(values: Values, known: MapClasses | None, folder: Path) -> tuple[dict[int, int] | None, list[str]]:
    """Returns the label of each value where values are no labels, and notes on it."""
    if values.single:
        if values.single == {*_SHADES}:
            return _SHADES, ['label maps have the values 0 and 255, understood as background (0) and object (1)']
        return None, []
    colors = values.colors
    if known and known.colors:
        unknown = [_describe(color) for color in sorted(colors - {*known.colors})]
        if unknown:
            raise UserError(f'label maps of {folder} have colours that {known.path} has not: {names(unknown)}')
        return known.colors, [f'colours of label maps are converted to labels by {known.path.name}']
    if all(color % 0x010101 == 0 for color in colors):
        if colors == {0, _WHITE}:
            return {0: 0, _WHITE: 1}, ['label maps are black and white, understood as background (0) and object (1)']
        grey = {color: color // 0x010101 for color in sorted(colors)}
        return grey, ['label maps have three equal channels, of which one is taken']
    shown = names([_describe(color) for color in sorted(colors)])
    raise UserError(
        f'label maps of {folder} have {len(colors)} colours, such as {shown}, and nothing says which class each is: '
        'add labelmap.txt with a line NAME:RED,GREEN,BLUE:: for each class, as CVAT writes it, or write maps with one '
        'channel, the number of the class in each pixel'
    )


def _describe(color: int) -> str:
    return f'({color >> 16}, {color >> 8 & 255}, {color & 255})'


def _classes_of(
    labels: set[int] | frozenset[int], known: MapClasses | None, folder: Path
) -> tuple[tuple[str, ...], list[str]]:
    """Returns the names of the classes, and notes on them."""
    seen = sorted(label for label in labels if label != IGNORED)
    if not seen:
        raise UserError(f'every pixel of the label maps of {folder} is ignored (255): there is nothing to train on')
    count = seen[-1] + 1
    if known is None:
        if len(seen) * 2 < count:
            raise UserError(
                f'label maps of {folder} have the labels {names(seen)}, of which the largest is {seen[-1]}: write 0 to '
                f'{len(seen) - 1} in their place, or add classes.txt with a name for each label from 0 on'
            )
        fallback = tuple(f'class {label}' for label in range(count))
        return fallback, [f'no file names the {count} classes (classes.txt, one name a line): they go by number']
    if len(known.names) >= count:
        return known.names, []
    if len(known.names) == count - 1 and 'background' not in known.names:
        return ('background', *known.names), [f'{known.path.name} names the labels from 1 on: 0 is called background']
    raise UserError(
        f'label maps of {folder} have labels up to {seen[-1]}, and {known.path} names {len(known.names)} classes: it '
        f'needs {count} names, the first for label 0'
    )


LABEL_MAPS = Format(
    name='label-maps',
    title='label maps',
    looks_for='pictures and PNGs with the class of each pixel, as images/ and masks/, or x.jpg and x_mask.png',
    looks_like=_looks_like,
    read=_read,
)
