"""Compares the objects that a data set keeps with the annotations of its file."""

from collections import Counter
from typing import Any

import numpy as np
from mmengine.dataset import BaseDataset

from mmcrossformer.engine.check.coco.file import CocoFile
from mmcrossformer.engine.check.coco.load import Loaded
from mmcrossformer.engine.check.finding import Finding, count_bad

# Crowds and images of mere background are a warning above this share.
_MANY = 0.1
_FATE = 'They are dropped'
_FRACTIONS = (
    '. All boxes of the file look like fractions of 0..1: multiply x and width by the width of the image, y and height '
    'by its height'
)


def check_dropped(file: CocoFile, dataset: BaseDataset, loaded: Loaded, use: str) -> list[Finding]:
    """Reports the annotations and images that a data set drops, by reason.

    Args:
        file: The annotation file.
        dataset: The data set of the host library.
        loaded: What it loaded from the file.
        use: What the data set is for, such as 'train on'.
    """
    kind = type(dataset).__name__
    reasons: dict[str, list] = {}
    for entry in loaded.dropped:
        reasons.setdefault(_reason(entry, file.images[entry['image_id']], kind), []).append(entry['id'])
    hint = _FRACTIONS if file.objects and np.abs(file.boxes).max() <= 1 else ''
    findings = [
        finding
        for reason, ids in reasons.items()
        for finding in count_bad(
            ids, file.total, f'annotations of {file.path} {reason}', f'{_FATE} by {kind}{hint}', tolerant=True
        )
    ]
    instances = [instance for entry in loaded.entries for instance in entry['instances']]
    crowds = sum(bool(instance['ignore_flag']) for instance in instances)
    if crowds > _MANY * len(instances):
        text = f'{crowds} of {len(instances)} objects of {file.path} have iscrowd=1: they are neither trained nor found'
        findings.append(Finding(text, warning=True))
    findings += _check_images(file, loaded)
    if not any(count_objects(loaded.kept).values()):
        findings.append(
            Finding(f'{kind} keeps none of the {file.total} annotations of {file.path}: there is nothing to {use}')
        )
    return findings


def count_objects(entries: list[dict[str, Any]]) -> Counter[int]:
    """Counts the objects of each label in the entries of a data set, without crowds."""
    return Counter(
        instance['bbox_label'] for entry in entries for instance in entry['instances'] if not instance['ignore_flag']
    )


def _reason(entry: dict[str, Any], image: dict[str, Any], kind: str) -> str:
    """Says why mmdet drops an annotation."""
    x, y, width, height = entry['bbox']
    if entry.get('ignore'):
        return 'have a true key ignore'
    if width <= 0 or height <= 0:
        return 'have an empty or inverted box (x, y, width, height)'
    if x >= image['width'] or y >= image['height'] or x + width <= 0 or y + height <= 0:
        return 'have a box outside of the image'
    if width < 1 or height < 1:
        return 'have a box with a side below 1 pixel'
    if entry['area'] <= 0:
        return 'have an area of 0 or less (field area)'
    return f'are dropped by a rule of {kind}'


def _check_images(file: CocoFile, loaded: Loaded) -> list[Finding]:
    """Reports the images that the filter of a data set drops."""
    kept = {id(entry) for entry in loaded.kept}
    bare: list[Any] = []
    useful: list[Any] = []
    for entry in loaded.entries:
        if id(entry) not in kept:
            (useful if entry['instances'] else bare).append(entry['img_id'])
    total = len(file.images)
    return [
        *count_bad(
            useful,
            total,
            f'images of {file.path} have objects and are dropped by filter_cfg of the data set',
            'It may have a min_size above their sides',
            tolerant=True,
        ),
        *count_bad(
            bare if len(bare) > _MANY * total else [],
            total,
            f'images of {file.path} have no objects left and are dropped by filter_cfg of the data set',
            'To train on them as background, set filter_empty_gt=False',
            warning=True,
        ),
    ]
