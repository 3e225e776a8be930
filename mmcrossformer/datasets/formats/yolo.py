"""Objects in the text files of YOLO, as ultralytics, Roboflow, labelImg, CVAT and Label Studio write them."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

from mmcrossformer.datasets.formats.found import Found, Picture
from mmcrossformer.datasets.formats.pictures import all_have_masks, loaded_size
from mmcrossformer.datasets.formats.reader import (
    Format,
    divide,
    files_below,
    finite,
    is_image,
    read_lines,
    subset_of_place,
)
from mmcrossformer.datasets.formats.yolo_yaml import DataYaml, find_yaml, read_yaml
from mmcrossformer.utils.errors import UserError, check_unique, names

_NAME_FILES = ('classes.txt', 'obj.names', '_darknet.labels')
_BOX = 5
_FEWEST_OF_POLYGON = 7


def _looks_like(folder: Path) -> list[str]:
    if found := find_yaml(folder):
        return [str(path.relative_to(folder)) for path in found]
    files = list(files_below(folder))
    labels = {path for path in files if path.suffix == '.txt'}
    labelled = [path for path in files if is_image(path) and label_file(path, labels) is not None]
    return [str(path.relative_to(folder)) for path in [label_file(labelled[0], labels)] if path] if labelled else []


def label_file(image: Path, labels: set[Path] | None = None) -> Path | None:
    """Returns the text file of an image, or None: in `labels` beside the last `images` of its path, or beside it.

    Args:
        image: The image.
        labels: The text files that there are; None to ask the file system.
    """
    places = [image.with_suffix('.txt')]
    parts = image.parts
    if 'images' in parts[:-1]:
        last = len(parts) - 1 - parts[::-1].index('images')
        places.insert(0, Path(*parts[:last], 'labels', *parts[last + 1 :]).with_suffix('.txt'))
    elif (image.parent.parent / 'labels').is_dir():  # a folder of pictures of any name beside labels
        places.insert(0, image.parent.parent / 'labels' / f'{image.stem}.txt')
    return next((place for place in places if (place.is_file() if labels is None else place in labels)), None)


def _read(folder: Path, share: float | None) -> Found:
    found = find_yaml(folder)
    if len(found) > 1:
        raise UserError(f'{folder} has several descriptions of data: {names(found)}; keep one')
    data = read_yaml(found[0]) if found else _without_yaml(folder)
    check_unique(f'class names of {data.source}', data.classes)
    notes, kinds = list(data.notes), Counter[str]()
    if not any(label_file(image) for part in data.images.values() for image in part):
        raise UserError(f'{data.source}: none of the pictures has a text file in labels or beside it, as YOLO needs')
    subsets = {
        subset: [_picture(image, data, kinds) for image in images]
        for subset, images in data.images.items()
        if subset != 'test'
    }
    # Those for testing are counted, and not used.
    subsets['test'] = [Picture(image, []) for image in data.images.get('test', [])]
    train, val, split_notes = divide(subsets, folder, share)
    for kind, text in (
        ('background', 'pictures have no text file and count as without objects'),
        ('four points', 'rows have four points: they are read as outlines, their boxes are upright'),
        ('keypoints', 'rows have keypoints, which are not used'),
    ):
        if kinds[kind]:
            notes.append(f'{kinds[kind]} {text}')
    masks = all_have_masks(train + val)
    if kinds['polygon'] and not masks:
        notes.append(f'{kinds["polygon"]} rows are outlines and {kinds["box"]} are boxes: not every object has a mask')
    return Found('objects', YOLO.title, folder, data.classes, train, val, masks, (*notes, *split_notes))


def _without_yaml(folder: Path) -> DataYaml:
    files = list(files_below(folder))
    lists = [path for path in files if path.name in _NAME_FILES]
    contents = {tuple(line.strip() for line in read_lines(path) if line.strip()) for path in lists}
    if len(contents) != 1:
        found = f'different class names in {names(lists)}' if contents else 'no class names'
        raise UserError(
            f'{folder} has text files of YOLO and {found}: put a data.yaml with train, val and names there, or one '
            'classes.txt with a name a line'
        )
    images: dict[str, list[Path]] = defaultdict(list)
    for path in files:
        if is_image(path):
            images[subset_of_place(path.parent, folder) or 'train'].append(path)
    return DataYaml(lists[0], contents.pop(), images)


def _picture(image: Path, data: DataYaml, kinds: Counter[str]) -> Picture:
    size = loaded_size(image)
    path = label_file(image)
    if path is None:
        kinds['background'] += 1
        return Picture(image, [], size)
    objects = []
    for number, line in enumerate(read_lines(path), 1):
        if line.strip():
            objects.append(_object(line.split(), size, data, kinds, f'{path}, line {number}'))
    return Picture(image, objects, size)


def _object(row: Sequence[str], size: tuple[int, int], data: DataYaml, kinds: Counter[str], place: str) -> dict:
    try:
        numbers = [finite(value) for value in row]
    except ValueError as error:
        raise UserError(f'{place}: a row of YOLO has finite numbers alone, got {" ".join(row)[:60]!r}') from error
    label = numbers[0]
    if label not in range(len(data.classes)):
        raise UserError(
            f'{place}: the class is {row[0]}, allowed are 0 to {len(data.classes) - 1}, the classes of {data.source}'
        )
    if data.keypoints and len(numbers) == _BOX + data.keypoints:
        kinds['keypoints'] += 1
        numbers = numbers[:_BOX]
    width, height = size
    if len(numbers) == _BOX:
        kinds['box'] += 1
        x, y, w, h = numbers[1:]
        return dict(bbox=[(x - w / 2) * width, (y - h / 2) * height, w * width, h * height], category=int(label))
    if len(numbers) < _FEWEST_OF_POLYGON or len(numbers) % 2 == 0:
        raise UserError(
            f'{place}: the row has {len(numbers)} numbers. Allowed are 5, a class and a box, or 7, 9, 11 and so on, a '
            'class and an outline. 6 are predictions with a score or rotated boxes, which cannot be trained on; '
            'keypoints need kpt_shape in data.yaml'
        )
    kinds['polygon'] += 1
    kinds['four points'] += len(numbers) == 9
    xs, ys = [x * width for x in numbers[1::2]], [y * height for y in numbers[2::2]]
    polygon = [value for point in zip(xs, ys, strict=True) for value in point]
    box = [min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)]
    return dict(bbox=box, category=int(label), segmentation=[polygon])


YOLO = Format(
    name='yolo',
    title='YOLO',
    looks_for='data.yaml with names and train, or images beside labels with a text file each, and classes.txt',
    looks_like=_looks_like,
    read=_read,
)
