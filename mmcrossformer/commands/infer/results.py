"""Converts predictions to records and label maps, and writes the final files of a run."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from pycocotools import mask as coco_mask

from mmcrossformer.apis.colors import Color
from mmcrossformer.apis.masks import encode_mask
from mmcrossformer.apis.prediction import Prediction, Task
from mmcrossformer.commands.infer.inputs import Source
from mmcrossformer.commands.infer.journal import FinishedRecords, Record
from mmcrossformer.utils.files import atomic_write

# Up to this number of classes label maps have 8 bits; their highest value means no class.
_CLASSES_OF_8_BITS = 255


def make_record(prediction: Prediction, top: int) -> Record:
    """Returns the record of a prediction for the journal.

    Args:
        prediction: Prediction of the model.
        top: Number of classes of a classifier to keep.
    """
    if prediction.task == 'segmentation':
        return dict(task='segmentation')
    scores = [round(float(score), 6) for score in prediction.scores]
    if prediction.task == 'classification':
        best = zip(prediction.labels[:top], scores[:top], strict=True)
        return dict(task='classification', classes=[dict(category_id=int(label), score=score) for label, score in best])
    assert prediction.boxes is not None, 'detectors predict boxes'
    objects = []
    for i, (label, score) in enumerate(zip(prediction.labels, scores, strict=True)):
        x1, y1, x2, y2 = (float(edge) for edge in prediction.boxes[i])
        width, height = max(0.0, x2 - x1), max(0.0, y2 - y1)
        box = [round(value, 3) for value in (x1, y1, width, height)]
        found = dict(category_id=int(label) + 1, bbox=box, score=score, area=round(width * height, 3), iscrowd=0)
        if prediction.masks is not None:
            runs = encode_mask(prediction.masks, i)
            found['area'] = int(coco_mask.area(runs))
            found['segmentation'] = dict(size=[int(side) for side in runs['size']], counts=runs['counts'].decode())
        objects.append(found)
    return dict(task='detection', objects=objects)


def encode_segments(segments: np.ndarray, palette: Sequence[Color]) -> bytes:
    """Encodes a label map as PNG.

    Args:
        segments: Class of each pixel [H, W]; values from the number of classes on mean no class.
        palette: Colour of each class.

    Returns:
        PNG of 8 bits with the palette and 255 for no class; for more than 255 classes 16 bits and 65535.
    """
    number = len(palette)
    small = number <= _CLASSES_OF_8_BITS
    none = 255 if small else 65535
    values = np.where((segments >= 0) & (segments < number), segments, none)
    image = Image.fromarray(values.astype(np.uint8 if small else np.uint16))
    if small:
        image = image.convert('L')
        image.putpalette([*np.array(palette, np.uint8).ravel().tolist(), *[0] * (3 * (256 - number))])
    buffer = io.BytesIO()
    image.save(buffer, 'PNG')
    return buffer.getvalue()


def list_categories(task: Task, classes: Sequence[str], palette: Sequence[Color]) -> list[dict[str, Any]]:
    """Returns the entry of each class; ids start at 1 for detectors, as in COCO, otherwise at 0."""
    first = int(task == 'detection')
    named = zip(classes, palette, strict=True)
    return [dict(id=number, name=name, color=color) for number, (name, color) in enumerate(named, first)]


def write_predictions(
    folder: Path, finished: FinishedRecords, sources: Sequence[Source], task: Task, categories: list[dict[str, Any]]
) -> int:
    """Writes `predictions.json` and, for a classifier, `predictions.csv`.

    Args:
        folder: Folder of the results.
        finished: Records of the run.
        sources: Sources whose results are written.
        task: Task of the model.
        categories: Entries from `list_categories`.

    Returns:
        Number of images.
    """
    parts: dict[str, Callable[[], Iterable[dict]]] = dict(
        images=lambda: (image for image, _ in _images(finished, sources, task)),
        categories=lambda: categories,
    )
    if task == 'detection':
        parts['annotations'] = lambda: _annotations(_images(finished, sources, task))
    with atomic_write(folder / 'predictions.json') as partial, open(partial, 'w') as file:
        for name, items in parts.items():
            file.write(('{' if name == 'images' else ',\n') + f'"{name}": [')
            for i, item in enumerate(items()):
                file.write((',\n' if i else '\n') + json.dumps(item))
            file.write('\n]')
        file.write('}\n')
    if task == 'classification':
        _write_table(folder, _images(finished, sources, task), categories)
    return sum(1 for _ in finished.images(sources))


def _images(
    finished: FinishedRecords, sources: Sequence[Source], task: Task
) -> Iterator[tuple[dict[str, Any], Record]]:
    """Yields the entry of each image and its record."""
    for i, (source, frame) in enumerate(finished.images(sources), 1):
        record = finished.read(source, frame)
        name = source.file_name if frame is None else source.name_of(frame)
        image: dict[str, Any] = dict(id=i, file_name=name, width=record['width'], height=record['height'])
        if frame is not None:
            image |= dict(video=source.file_name, frame=frame)
        if task == 'segmentation':
            image['segments'] = f'segments/{source.name_of(frame)}.png'
        if task == 'classification':
            image['classes'] = record['classes']
        yield image, record


def _annotations(images: Iterable[tuple[dict[str, Any], Record]]) -> Iterator[dict[str, Any]]:
    number = 0
    for image, record in images:
        for found in record['objects']:
            number += 1
            yield dict(id=number, image_id=image['id'], **found)


def _write_table(folder: Path, images: Iterable[tuple[dict[str, Any], Record]], categories: list[dict]) -> None:
    """Writes one row for each class of each image, best first."""
    with atomic_write(folder / 'predictions.csv') as partial, open(partial, 'w', newline='') as file:
        table = csv.writer(file)
        table.writerow(['file_name', 'rank', 'category_id', 'name', 'score'])
        for image, record in images:
            for rank, found in enumerate(record['classes'], 1):
                label = found['category_id']
                table.writerow([image['file_name'], rank, label, categories[label]['name'], found['score']])
