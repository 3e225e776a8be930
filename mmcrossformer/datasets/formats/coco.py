"""Objects in COCO json."""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any

from mmcrossformer.datasets.coco import read_coco
from mmcrossformer.datasets.formats.found import Found, Picture
from mmcrossformer.datasets.formats.pictures import Images, check_complete, found_objects
from mmcrossformer.datasets.formats.reader import Format, files_below, is_image, subset_of_place
from mmcrossformer.utils.errors import UserError, check_unique, names

# Pattern of names -> subset -> file.
_Groups = dict[str, dict[str, Path]]

_KEPT = ('bbox', 'segmentation', 'iscrowd', 'area', 'ignore')
_SUBSET_WORDS = re.compile(r'(?<![a-z])(training|train|validation|valid|val|testing|test)(?![a-z])', re.IGNORECASE)


def has_keys(path: Path, needed: Sequence[str], excluded: Sequence[str] = ()) -> bool:
    """Whether a json seems to have keys and lacks others; nothing is decoded, as files of COCO have gigabytes."""
    try:
        with open(path, 'rb') as file, mmap(file.fileno(), 0, access=ACCESS_READ) as content:
            return all(_has_key(content, key) for key in needed) and not any(_has_key(content, key) for key in excluded)
    except (OSError, ValueError):  # empty files cannot be mapped
        return False


def _has_key(content: mmap, key: str) -> bool:
    return re.search(rb'"%s"\s*:' % key.encode(), content) is not None


def _groups(folder: Path) -> _Groups:
    """Returns annotation files by the pattern of their names, and among those of one pattern by subset."""
    files = list(files_below(folder))
    images = {path.with_suffix('') for path in files if is_image(path)}
    groups: _Groups = defaultdict(dict)
    for path in files:
        # A json with the name of the image beside it is labelme's, and there may be thousands.
        if path.suffix.lower() != '.json' or path.with_suffix('') in images:
            continue
        if has_keys(path, ('images', 'annotations'), ('caption', 'segments_info', 'shapes')):
            pattern = _SUBSET_WORDS.sub('*', path.relative_to(folder).as_posix())
            subset = subset_of_place(path, folder) or 'train'
            # train.json and training.json are two choices.
            key = path.relative_to(folder).as_posix() if subset in groups[pattern] else pattern
            groups[key][subset] = path
    groups = _without_weak(groups, lambda group: set(group) == {'test'})
    # The official folder has further annotations of the same images.
    groups = _without_weak(groups, lambda group: has_keys(next(iter(group.values())), ['keypoints']))
    return _without_weak(groups, lambda group: next(iter(group.values())).name.startswith('stuff_'))


def _without_weak(groups: _Groups, is_weak: Callable[[dict[str, Path]], bool]) -> _Groups:
    """Leaves out weak groups, unless there are no others."""
    return {pattern: group for pattern, group in groups.items() if not is_weak(group)} or groups


def _looks_like(folder: Path) -> list[str]:
    return [', '.join(str(path.relative_to(folder)) for path in group.values()) for group in _groups(folder).values()]


def _read(folder: Path, share: float | None) -> Found:
    groups = list(_groups(folder).values())
    if len(groups) != 1:
        raise UserError(f'{folder} has {len(groups)} sets of COCO json: pass a folder with one')
    contents = {subset: read_coco(path) for subset, path in groups[0].items()}
    for subset, coco in contents.items():
        _check_references(groups[0][subset], coco)
    # What is for testing is counted, and not used: neither its classes nor its pictures have to be there.
    classes, notes = _classes({subset: coco for subset, coco in contents.items() if subset != 'test'} or contents)
    images = Images(folder)
    subsets = {
        subset: _pictures(coco, groups[0][subset], subset_of_place(groups[0][subset], folder), images, classes)
        for subset, coco in contents.items()
    }
    return found_objects(COCO.title, folder, classes, subsets, images, notes, share)


def _check_references(path: Path, coco: dict[str, Any]) -> None:
    """Raises a `UserError` where ids are not unique or refer to nothing."""
    for part in ('images', 'categories'):
        ids = Counter(entry['id'] for entry in coco[part])
        if twice := [i for i, count in ids.items() if count > 1]:
            raise UserError(f'annotation file {path}: ids of {part} must be unique, got twice: {names(twice)}')
        key = dict(images='image_id', categories='category_id')[part]
        lost = [f'id {entry["id"]} has {entry[key]!r}' for entry in coco['annotations'] if entry[key] not in ids]
        if lost:
            raise UserError(
                f'annotation file {path}: {len(lost)} of {len(coco["annotations"])} annotations have a {key} that none '
                f'of the {part} has: {names(lost)}'
            )
    check_unique(f'annotation file {path}: names of categories', [entry['name'] for entry in coco['categories']])


def _classes(contents: dict[str, dict[str, Any]]) -> tuple[tuple[str, ...], list[str]]:
    """Returns the names of the classes in the order of the file to train on, and notes."""
    categories = [category for coco in contents.values() for category in coco['categories']]
    classes = tuple(dict.fromkeys(category['name'] for category in categories))
    used = set[str]()
    for coco in contents.values():
        name_of = {category['id']: category['name'] for category in coco['categories']}
        used.update(name_of[entry['category_id']] for entry in coco['annotations'])
    notes = []
    parents = {category.get('supercategory') for category in categories if category['name'] != classes[0]}
    # Roboflow writes the name of the project as a class of its own, above the others.
    if len(classes) > 1 and classes[0] not in used and parents == {classes[0]}:
        notes.append(f'the class {classes[0]!r} is left out: it has no objects and is the group of the others')
        classes = classes[1:]
    own = {category['name'] for category in contents.get('train', {}).get('categories', categories)}
    others = [name for name in classes if name not in own]
    if others:
        notes.append(f'the subset for training does not list the classes {names(others)}')
    return classes, notes


def _pictures(
    coco: dict[str, Any], path: Path, subset: str | None, images: Images, classes: tuple[str, ...]
) -> list[Picture]:
    label_of_name = {name: label for label, name in enumerate(classes)}
    label_of = {category['id']: label_of_name.get(category['name'], -1) for category in coco['categories']}
    objects: dict[Any, list[dict]] = defaultdict(list)
    for entry in coco['annotations']:
        kept = {key: entry[key] for key in _KEPT if key in entry}
        objects[entry['image_id']].append(dict(kept, category=label_of[entry['category_id']]))
    pictures, missing = [], []
    for image in coco['images']:
        name = image['file_name']
        place = Path(name) if Path(name).is_absolute() and Path(name).is_file() else images.find(name, path, subset)
        if place is None:
            missing.append(name)
            continue
        pictures.append(Picture(place, objects[image['id']], (image['width'], image['height'])))
    if subset != 'test':
        check_complete(missing, len(coco['images']), f'annotation file {path}', images.folder)
    return pictures


COCO = Format(
    name='coco',
    title='COCO json',
    looks_for='one json with images, annotations and categories, or one for each subset, such as train.json and '
    'val.json, annotations/instances_train2017.json or train/_annotations.coco.json; and the pictures',
    looks_like=_looks_like,
    read=_read,
)
