"""Compares what COCO evaluators look up with what the data sets load."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.registry import METRICS

from mmcrossformer.datasets.coco import Reader
from mmcrossformer.engine.check.coco.classes import check_labels
from mmcrossformer.engine.check.coco.file import CocoFile
from mmcrossformer.engine.check.coco.ids import check_ids
from mmcrossformer.engine.check.coco.masks import check_masks
from mmcrossformer.engine.check.contents import Contents
from mmcrossformer.engine.check.finding import Finding, count_bad
from mmcrossformer.utils.errors import UserError, names


def check_evaluators(cfg: Config, part: str, contents: Sequence[Contents], read: Reader) -> list[Finding]:
    """Checks the annotation files of mmdet's `CocoMetric` against the data sets that are evaluated.

    Args:
        cfg: The config.
        part: `val` or `test`.
        contents: The data sets of that part.
        read: Reads an annotation file.
    """
    evaluators = cfg.get(f'{part}_evaluator') or []
    findings = []
    for metric in evaluators if isinstance(evaluators, list | tuple) else [evaluators]:
        ann_file = metric.get('ann_file')
        if not ann_file or not contents or not _is_coco_metric(metric):
            continue
        try:
            file = CocoFile(read(Path(ann_file)), Path(ann_file))
        except UserError as error:
            findings.append(Finding(f'{part}_evaluator: {error}'))
            continue
        findings += _check_metric(metric, file, contents)
    return findings


def _is_coco_metric(metric: dict[str, Any]) -> bool:
    """Whether a metric is mmdet's `CocoMetric`; LVIS has another format."""
    kind = metric.get('type')
    with METRICS.switch_scope_and_registry(None) as registry:
        kind = registry.get(kind) if isinstance(kind, str) else kind
    bases = [base.__name__ for base in getattr(kind, '__mro__', ())]
    return 'CocoMetric' in bases and 'LVISMetric' not in bases


def _check_metric(metric: dict[str, Any], file: CocoFile, contents: Sequence[Contents]) -> list[Finding]:
    own = [content.file is not None and content.file.path.resolve() == file.path.resolve() for content in contents]
    findings = []
    if not any(own):
        findings += check_ids(file)
        if any(not finding.warning for finding in findings):
            return findings
    zero = [entry['id'] for entry in file.objects if entry['id'] == 0]
    findings += count_bad(
        zero,
        file.total,
        f'annotations of {file.path} have the id 0, for which pycocotools counts a right detection as wrong',
        'Number annotations from 1',
        warning=True,
    )
    if 'segm' in _as_list(metric.get('metric')) and not any(
        same and content.masks for same, content in zip(own, contents, strict=True)
    ):
        findings += check_masks(file)
    if not any(own):
        small = [entry['id'] for entry in file.objects if entry['area'] <= 0]
        what = f'annotations of {file.path} have an area of 0 or less (field area)'
        findings += count_bad(small, file.total, what, 'They count as small objects', warning=True)
    if not all(own):
        findings += _check_images(file, contents)
    if contents[0].file is not None:  # a panoptic data set has more classes than things, which come first
        findings += _check_categories(metric, file, contents[0], same_file=all(own))
    return findings


def _check_images(file: CocoFile, contents: Sequence[Contents]) -> list[Finding]:
    """Compares the images of an evaluator's file with those of the data sets, by id."""
    sources = names([content.source for content in contents])
    paths: dict[Any, str] = {}
    shared, missing, other = [], [], []
    for content in contents:
        for entry in content.loaded.entries if content.loaded else ():
            number, path = entry['img_id'], entry['img_path']
            if paths.setdefault(number, path) != path:
                shared.append(number)
            elif number not in file.images:
                missing.append(number)
            elif Path(file.images[number]['file_name']).name != Path(path).name:
                other.append(f'{number} ({Path(path).name}, not {file.images[number]["file_name"]})')
    extra = [number for number in file.images if number not in paths]
    total = sum(len(content.loaded.entries) for content in contents if content.loaded)
    if not total:
        return []
    advice = 'The evaluator must have the annotation file of the data set'
    return [
        *count_bad(shared, total, f'images of {sources} have the id of another image, so that one file evaluates both'),
        *count_bad(missing, total, f'images of {sources} are not in {file.path} of the evaluator, by id', advice),
        *count_bad(other, total, f'images of {sources} are others in {file.path} of the evaluator, by id', advice),
        *count_bad(
            extra,
            len(file.images),
            f'images of {file.path} of the evaluator are not in {sources}, by id',
            'Their objects count as missed',
            warning=True,
        ),
    ]


def _check_categories(metric: dict[str, Any], file: CocoFile, content: Contents, *, same_file: bool) -> list[Finding]:
    """Checks that the evaluator gives each label the category of its class."""
    known = [name for name in content.classes if name in file.categories.values()]
    unknown = [name for name in content.classes if name not in known]
    # Labels of a panoptic data set begin with the things, which are all that this evaluator looks at.
    things = content.file is None and known == content.classes[: len(known)]
    if unknown and not things:
        text = (
            f'{len(unknown)} of the {len(content.classes)} classes of {content.source} are no categories of '
            f'{file.path} of the evaluator: {names(unknown)}'
        )
        return [] if same_file else [Finding(text)]
    numbers: list[Any] = list(file.categories)
    if metric.get('sort_categories'):
        numbers.sort()
    labelled = [number for number in numbers if file.categories[number] in content.classes]
    if same_file and labelled == content.labelled:
        return []
    return check_labels(file, known, labelled, str(metric['type']))


def _as_list(value: Any) -> list:
    return list(value) if isinstance(value, list | tuple) else [value or 'bbox']
