"""The balance of classes, as tables of text."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from mmcrossformer.engine.check.contents import Contents

_ROWS = 20


@dataclass
class ClassTable:
    """What each class has in training and validation.

    Attributes:
        title: What is counted.
        columns: Names of the columns; the first one has the classes, the others numbers.
        rows: Cells of the classes, the most frequent first.
        hidden: Number of classes that are left out.
        caption: How to read it.
    """

    title: str
    columns: list[str]
    rows: list[list[str]] = field(default_factory=list)
    hidden: int = 0
    caption: str = ''


def class_tables(contents: Sequence[Contents]) -> list[ClassTable]:
    """Returns what each class has in training and validation: objects, images or pixels; no table for other data.

    Args:
        contents: The data sets of a job.
    """
    train = next((content for content in contents if content.part == 'train'), None)
    if train is None or not train.classes:
        return []
    # Labels of data sets with other classes are those of other names, which is a finding.
    same = [content for content in contents if content.classes == train.classes]
    parts = {part: [content for content in same if content.part == part] for part in ('train', 'val')}
    parts = {part: found for part, found in parts.items() if found}
    return [
        *([_object_table(train.classes, parts)] if any(len(content.objects.labels) for content in same) else []),
        *([_pixel_table(train.classes, parts)] if any(content.pixels for content in same) else []),
    ]


def _object_table(classes: list[str], parts: dict[str, list[Contents]]) -> ClassTable:
    """Counts objects with their sizes, or images where those have a label each."""
    boxes = any(len(content.objects.sides) for found in parts.values() for content in found)
    table = ClassTable('Objects of each class, without crowds' if boxes else 'Images of each class', ['class'])
    counts, images, sizes = {}, {}, {}
    for part, found in parts.items():
        counts[part] = np.sum([content.objects.count(len(classes)) for content in found], axis=0)
        images[part] = np.sum([content.objects.count_images(len(classes)) for content in found], axis=0)
        labels = np.concatenate([content.objects.labels for content in found])
        sides = np.concatenate([content.objects.sides for content in found])
        sizes[part] = [np.sqrt(sides[labels == label].prod(axis=1)) for label in range(len(classes))] if boxes else []
        table.columns += [part, 'share', 'images', 'size'] if boxes else [part, 'share']
    first = counts[next(iter(parts))]

    def cells(label: int) -> list[str]:
        row = [classes[label]]
        for part in parts:
            row += [f'{counts[part][label]:,}', _percent(counts[part][label], counts[part].sum())]
            if boxes:
                found = sizes[part][label]
                row += [f'{images[part][label]:,}', f'{np.median(found):.0f}' if len(found) else '']
        return row

    _add_rows(table, np.argsort(-first, kind='stable').tolist(), cells)
    if boxes:
        table.caption = 'size: median side of a square of the same area, in pixels after resizing'
    return table


def _pixel_table(classes: list[str], parts: dict[str, list[Contents]]) -> ClassTable:
    """Counts shares of pixels in label maps."""
    columns = ['class', *(f'{part}, share' for part in parts)]
    table = ClassTable('Pixels of each class', columns, caption='in the label maps that were decoded')
    pixels = {
        part: [sum(content.pixels.get(name, 0) for content in found) for name in classes]
        for part, found in parts.items()
    }

    def cells(label: int) -> list[str]:
        return [classes[label], *(_percent(counts[label], sum(counts)) for counts in pixels.values())]

    first = np.array(pixels[next(iter(parts))])
    _add_rows(table, np.argsort(-first, kind='stable').tolist(), cells)
    return table


def _percent(count: float, total: float) -> str:
    return f'{100 * count / total:.1f} %' if total else ''


def _add_rows(table: ClassTable, order: list[int], cells: Callable[[int], list[str]]) -> None:
    """Adds the rows of the first classes, and counts the others."""
    table.rows = [cells(label) for label in order[:_ROWS]]
    table.hidden = max(0, len(order) - _ROWS)
