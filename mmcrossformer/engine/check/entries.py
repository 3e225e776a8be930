"""Checks the entries of any data set."""

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmengine.dataset import BaseDataset

from mmcrossformer.engine.check.class_folders import check_class_folders
from mmcrossformer.engine.check.finding import Finding, count_bad
from mmcrossformer.engine.check.images import among, check_images
from mmcrossformer.engine.check.label_maps import check_label_maps
from mmcrossformer.engine.check.picture import build_load
from mmcrossformer.utils.errors import names

# Annotation tools round coordinates to pixels, some up; VOC counts them from 1.
_EDGE = 1


def check_entries(
    entries: Sequence[dict[str, Any]],
    dataset: BaseDataset,
    pipeline: Sequence[dict[str, Any]],
    classes: Sequence[str],
    source: str,
    decode: int | None,
) -> tuple[list[Finding], Counter[str]]:
    """Checks the entries of any data set.

    Args:
        entries: Its entries, all or a sample.
        dataset: The data set, which was built without its pipeline.
        pipeline: Settings of the pipeline.
        classes: Names of the classes.
        source: Where the entries are listed, for the messages.
        decode: Number of images to decode, evenly spaced; None for all.

    Returns:
        The findings, and the number of pixels of each class in the decoded label maps.
    """
    total, pixels = len(dataset), Counter[str]()
    if not total:
        return [Finding(f'the data set of {source} is empty: check its folders, suffixes and filters')], pixels
    source += among(len(entries), total)
    sizes = {
        Path(entry['img_path']): (entry['width'], entry['height']) if 'width' in entry and 'height' in entry else None
        for entry in entries
        if 'img_path' in entry
    }
    findings = check_images(sizes, source, decode, build_load(pipeline))
    if any(entry.get('seg_map_path') for entry in entries) and hasattr(dataset, 'reduce_zero_label'):
        of_maps, pixels = check_label_maps(entries, dataset, pipeline, source=source, decode=decode)
        findings += of_maps
    labels = Counter(entry['gt_label'] for entry in entries if isinstance(entry.get('gt_label'), int))
    foreign = [
        f'{entry["img_path"]} ({entry["gt_label"]})'
        for entry in entries
        if isinstance(entry.get('gt_label'), int) and classes and not 0 <= entry['gt_label'] < len(classes)
    ]
    findings += count_bad(foreign, len(entries), f'images of {source} have labels beyond 0 to {len(classes) - 1}')
    findings += check_class_folders(dataset, classes, source)
    boxes = [(i, instance) for i, entry in enumerate(entries) for instance in entry.get('instances', ())]
    if boxes:
        bad = [entries[i]['img_path'] for i, box in boxes if not _has_area(box['bbox'])]
        findings += count_bad(bad, len(boxes), f'boxes of {source} are empty or inverted, in', tolerant=True)
        labels.update(instance['bbox_label'] for _, instance in boxes if not instance.get('ignore_flag'))
        findings += _check_extents(entries, source)
    whole = len(entries) == total  # a sample may miss the few instances of a class
    without = [name for i, name in enumerate(classes) if not labels[i]] if labels and whole else []
    if without:
        findings.append(Finding(f'{len(without)} classes have no instance in {source}: {names(without)}', warning=True))
    return findings, pixels


def _check_extents(entries: Sequence[dict[str, Any]], source: str) -> list[Finding]:
    """Checks the boxes of entries that state the size of their image."""
    total, away, beyond = 0, [], []
    for entry in entries:
        width, height = entry.get('width') or math.inf, entry.get('height') or math.inf
        for left, top, right, bottom in (instance['bbox'] for instance in entry.get('instances', ())):
            total += 1
            if left >= width or top >= height or right <= 0 or bottom <= 0:
                away.append(entry['img_path'])
            elif min(left, top) < -_EDGE or right > width + _EDGE or bottom > height + _EDGE:
                beyond.append(entry['img_path'])
    return [
        *count_bad(away, total, f'boxes of {source} are outside of the image, in', tolerant=True),
        *count_bad(
            beyond,
            total,
            f'boxes of {source} leave the image, in',
            'Objects may go on beyond it. If not, the boxes are those of an image of another size',
            warning=True,
        ),
    ]


def _has_area(box: Sequence[float]) -> bool:
    left, top, right, bottom = box
    return right > left and bottom > top
