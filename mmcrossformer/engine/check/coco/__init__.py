"""Checks annotation files in COCO format."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmengine.dataset import BaseDataset

from mmcrossformer.engine.check.coco.boxes import check_boxes
from mmcrossformer.engine.check.coco.classes import check_classes, check_labels
from mmcrossformer.engine.check.coco.dropped import check_dropped, count_objects
from mmcrossformer.engine.check.coco.file import CocoFile
from mmcrossformer.engine.check.coco.ids import check_ids, check_references
from mmcrossformer.engine.check.coco.load import Loaded, load_annotations
from mmcrossformer.engine.check.coco.masks import check_masks
from mmcrossformer.engine.check.finding import Finding
from mmcrossformer.utils.errors import innermost

_USES = dict(train='train on', val='evaluate on')


def check_coco(
    file: CocoFile, dataset: BaseDataset, part: str, mask_steps: Sequence[dict[str, Any]]
) -> tuple[list[Finding], Loaded | None]:
    """Checks an annotation file, and what a data set makes of it.

    Args:
        file: The annotation file.
        dataset: The data set of the host library.
        part: `train` or `val`.
        mask_steps: Steps of its pipeline that load masks.

    Returns:
        The findings, and what the data set loads; None if it cannot load the file.
    """
    findings = check_ids(file)
    if any(not finding.warning for finding in findings):
        return findings, None
    try:
        loaded = load_annotations(dataset, file)
    except Exception as error:  # a data set of any library can raise anything
        return [*findings, Finding(f'{type(dataset).__name__} cannot load {file.path}: {innermost(error)}')], None
    classes = list(dataset.metainfo.get('classes') or ())
    findings += [
        *check_references(file),
        *check_boxes(file),
        *check_dropped(file, dataset, loaded, _USES[part]),
        *check_classes(file, classes, count_objects(loaded.kept)),
        *check_labels(file, classes, dataset.cat_ids, type(dataset).__name__),
    ]
    if mask_steps:
        findings += check_masks(file, polygons_only=any(step.get('poly2mask') is False for step in mask_steps))
    return findings, loaded


def image_sizes(loaded: Loaded) -> dict[Path, tuple[int, int]]:
    """Returns width and height of images, as the annotation file states them, by path."""
    return {Path(entry['img_path']): (entry['width'], entry['height']) for entry in loaded.entries}
