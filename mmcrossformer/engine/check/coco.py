"""Checks annotation files in COCO format."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmcrossformer.engine.check.finding import Finding, count_bad
from mmcrossformer.utils.errors import names

# Annotation tools round coordinates of masks to pixels, some up.
_EDGE = 1.0


def check_coco(coco: dict[str, Any], path: Path, classes: Sequence[str], *, masks: bool) -> list[Finding]:
    """Checks the annotations of a file.

    Args:
        coco: Content of the file.
        path: Path of the file, for the messages.
        classes: Names of the classes of the data set.
        masks: Whether the config trains masks.
    """
    annotations, images = coco['annotations'], {image['id']: image for image in coco['images']}
    categories = {category['id']: category['name'] for category in coco['categories']}
    lost = [entry['id'] for entry in annotations if entry['image_id'] not in images]
    foreign = [entry['id'] for entry in annotations if entry['category_id'] not in categories]
    here = [entry for entry in annotations if entry['image_id'] in images and entry['category_id'] in categories]
    broken = [entry['id'] for entry in here if len(entry['bbox']) != 4]
    twice = [number for number, count in Counter(entry['id'] for entry in annotations).items() if count > 1]
    here = [entry for entry in here if len(entry['bbox']) == 4]
    empty = [entry['id'] for entry in here if not _has_area(entry['bbox'])]
    outside = [
        entry['id'] for entry in here if _has_area(entry['bbox']) and _misses(entry['bbox'], images[entry['image_id']])
    ]
    total, of, fate = len(annotations), f'annotations of {path}', 'They are dropped'
    findings = [
        *count_bad(lost, total, f'{of} belong to no image of the file', fate, tolerant=True),
        *count_bad(foreign, total, f'{of} have a category that the file does not list', fate, tolerant=True),
        *count_bad(broken, total, f'{of} have a box that is not the four numbers x, y, width, height'),
        *count_bad(twice, total, f'{of} share their id with another one'),
        *count_bad(empty, total, f'{of} have an empty or inverted box (x, y, width, height)', fate, tolerant=True),
        *count_bad(outside, total, f'{of} have a box outside of the image', fate, tolerant=True),
        *_check_classes(here, categories, path, classes),
    ]
    if masks:
        bare = [entry['id'] for entry in here if not entry.get('segmentation')]
        astray = [entry['id'] for entry in here if _strays(entry.get('segmentation'), images[entry['image_id']])]
        findings += count_bad(
            bare,
            total,
            f'{of} have no segmentation, and the config trains masks',
            'Use a config that needs only boxes, such as a retinanet_*.py',
        )
        findings += count_bad(astray, total, f'{of} have a mask that is no polygon inside of the image', tolerant=True)
    return findings


def _check_classes(
    annotations: Sequence[dict[str, Any]], categories: dict[int, str], path: Path, classes: Sequence[str]
) -> list[Finding]:
    """Compares categories with the classes of the data set: mmdet drops annotations of others without a message."""
    counts = Counter(categories[entry['category_id']] for entry in annotations)
    listed = set(categories.values())
    unknown = [name for name in classes if name not in listed]
    unused = sorted(listed - set(classes))
    without = [name for name in classes if name in listed and not counts[name]]
    findings = []
    if unknown:
        findings.append(
            Finding(
                f'{len(unknown)} of the {len(classes)} classes of the data set are no categories of {path}: '
                f'{names(unknown)}. It has {names(sorted(listed))}; set dataset.metainfo.classes to those',
            )
        )
    if unused:
        dropped = sum(counts[name] for name in unused)
        findings.append(
            Finding(
                f'{len(unused)} categories of {path} are no classes of the data set: {names(unused)}; '
                f'{dropped} annotations are dropped',
                warning=True,
            )
        )
    if without:
        findings.append(Finding(f'{len(without)} classes have no instance in {path}: {names(without)}', warning=True))
    if not any(counts[name] for name in classes):
        findings.append(Finding(f'{path} has no annotation of any class of the data set: there is nothing to train on'))
    return findings


def _has_area(box: Sequence[float]) -> bool:
    return box[2] > 0 and box[3] > 0


def _misses(box: Sequence[float], image: dict[str, Any]) -> bool:
    x, y, width, height = box
    return x >= image['width'] or y >= image['height'] or x + width <= 0 or y + height <= 0


def _strays(segmentation: Any, image: dict[str, Any]) -> bool:
    """Whether a mask has another size than the image, or a polygon is invalid or leaves the image."""
    if not segmentation:
        return False
    if isinstance(segmentation, dict):
        return list(segmentation.get('size', ())) != [image['height'], image['width']]
    for polygon in segmentation:
        if len(polygon) < 6 or len(polygon) % 2:
            return True
        for side, values in (('width', polygon[::2]), ('height', polygon[1::2])):
            if min(values) < -_EDGE or max(values) > image[side] + _EDGE:
                return True
    return False
