"""Compares the categories of an annotation file with the classes of a data set."""

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence

from mmcrossformer.engine.check.coco.file import CocoFile
from mmcrossformer.engine.check.finding import Finding
from mmcrossformer.utils.errors import names


def check_classes(file: CocoFile, classes: Sequence[str], trained: Mapping[int, int]) -> list[Finding]:
    """Compares categories with classes: mmdet drops annotations of others without a message.

    Args:
        file: The annotation file.
        classes: Classes of the data set.
        trained: Number of objects by label, as the data set loads them.
    """
    listed = list(file.categories.values())
    unknown = [name for name in classes if name not in listed]
    unused = [name for name in listed if name not in classes]
    without = [name for label, name in enumerate(classes) if name in listed and not trained.get(label)]
    findings = []
    if unknown:
        findings.append(
            Finding(
                f'{len(unknown)} of the {len(classes)} classes of the data set are no categories of {file.path}: '
                f'{names(unknown)}. It has {names(listed)}; set dataset.metainfo.classes to those',
            )
        )
    if unused:
        counts = Counter(file.categories[entry['category_id']] for entry in file.objects)
        dropped = sum(counts[name] for name in unused)
        findings.append(
            Finding(
                f'{len(unused)} categories of {file.path} are no classes of the data set: {names(unused)}; '
                f'{dropped} annotations are dropped',
                warning=True,
            )
        )
    if without:
        text = f'{len(without)} classes have no instance in {file.path}: {names(without)}'
        findings.append(Finding(text, warning=True))
    return findings


def check_labels(file: CocoFile, classes: Sequence[str], labelled: Sequence[Hashable], kind: str) -> list[Finding]:
    """Checks that each category gets the label of its own class.

    mmdet numbers the categories of a file in the file's order, whatever the order of the classes is.

    Args:
        file: The annotation file.
        classes: Classes of the data set: the names of labels.
        labelled: Ids of the categories in the order of the labels that the host library gives them.
        kind: Data set or metric of the host library.
    """
    order = [file.categories[number] for number in labelled]
    named = [classes[label] if label < len(classes) else f'number {label}' for label in range(len(order))]
    swapped = [f'{own} is {other}' for own, other in zip(order, named, strict=True) if own != other]
    if not swapped:
        return []
    advice = f'set dataset.metainfo.classes to {tuple(order)!r}, the order of the labels'
    if len(set(order)) < len(order):
        advice = f'two categories have the same name, give each its own: {names(order)}'
    return [
        Finding(f'{kind} gives {len(swapped)} categories of {file.path} another class: {names(swapped)}. Fix: {advice}')
    ]
