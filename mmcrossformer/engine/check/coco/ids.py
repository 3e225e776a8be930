"""Checks the ids of an annotation file."""

from collections import Counter
from collections.abc import Hashable, Iterable

from mmcrossformer.engine.check.coco.file import CocoFile
from mmcrossformer.engine.check.finding import Finding, count_bad

_PARTS = ('images', 'annotations', 'categories')


def check_ids(file: CocoFile) -> list[Finding]:
    """Checks that ids occur once and have one type. After an error here, no data set can load the file."""
    findings = []
    for part in _PARTS:
        entries = file.content[part]
        ids = [entry['id'] for entry in entries]
        findings += count_bad(
            _repeated(ids), len(entries), f'{part} of {file.path} share their id with another one (field id)'
        )
        texts = [value for value in ids if isinstance(value, str)]
        what = f'{part} of {file.path} have a text for an id (field id)'
        if len(texts) < len(ids):
            findings += count_bad([*map(repr, texts)], len(ids), what, 'The others have numbers: use one type')
        else:
            findings += count_bad([*map(repr, texts)], len(ids), what, 'COCO has integers', warning=True)
    return findings


def check_references(file: CocoFile) -> list[Finding]:
    """Checks that annotations belong to images and categories of the file, and images to different files."""
    findings = []
    for key, known, what in (
        ('image_id', file.images, 'belong to no image of the file'),
        ('category_id', file.categories, 'have a category that the file does not list'),
    ):
        lost = [entry for entry in file.content['annotations'] if entry[key] not in known]
        as_text = {str(value): value for value in known}
        other = next((entry[key] for entry in lost if str(entry[key]) in as_text), None)
        hint = (
            '' if other is None else f': {key} is {other!r}, and the id {as_text[str(other)]!r}, which has another type'
        )
        findings += count_bad(
            [entry['id'] for entry in lost],
            file.total,
            f'annotations of {file.path} {what} (field {key})',
            f'They are dropped{hint}',
            tolerant=True,
        )
    same = _repeated(image['file_name'] for image in file.content['images'])
    what = f'images of {file.path} share their file with another one (field file_name)'
    return [*findings, *count_bad(same, len(file.content['images']), what, warning=True)]


def _repeated(values: Iterable[Hashable]) -> list[Hashable]:
    return [value for value, count in Counter(values).items() if count > 1]
