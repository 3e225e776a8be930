"""Compares the data sets of a job with each other."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

from mmcrossformer.engine.check.contents import Contents
from mmcrossformer.engine.check.finding import Finding, count_bad
from mmcrossformer.engine.check.images import in_threads
from mmcrossformer.utils.errors import names

# Files of one size are first compared by so many bytes from their middle; images of one camera begin alike.
_SAMPLE = 4096


def check_together(contents: Sequence[Contents]) -> list[Finding]:
    """Compares the data sets of a job with each other.

    Args:
        contents: The data sets for training and validation.
    """
    train, val = ([content for content in contents if content.part == part] for part in ('train', 'val'))
    findings = []
    if train:
        for other in val:
            findings += _check_same_classes(train[0], other)
            findings += _check_untrained(train, other)
    return [*findings, *_check_same_pictures(train, val)]


def _check_same_classes(train: Contents, val: Contents) -> list[Finding]:
    """A label means the class at its place in the list, in training and validation."""
    if train.classes == val.classes or not train.classes or not val.classes:
        return []
    same = sorted(train.classes) == sorted(val.classes)
    return [
        Finding(
            f'the classes of {val.source} are {"in another order than" if same else "others than"} those of '
            f'{train.source}: {names(val.classes)}, not {names(train.classes)}. Set '
            'dataset.metainfo.classes of both to the same list'
        )
    ]


def _check_untrained(train: Sequence[Contents], val: Contents) -> list[Finding]:
    """Reports classes that validation asks for and training never shows."""
    trained = {int(label) for content in train for label in content.objects.labels}
    asked = {int(label) for label in val.objects.labels}
    never = [name for label, name in enumerate(val.classes) if label in asked - trained]
    if not trained or not never:
        return []
    text = f'{len(never)} classes have instances in {val.source} and none to train on: {names(never)}'
    return [Finding(text, warning=True)]


def _check_same_pictures(train: Sequence[Contents], val: Sequence[Contents]) -> list[Finding]:
    """Reports images of validation that are also trained, by the content of their files."""
    own = list(dict.fromkeys(path for content in train for path in content.images))
    others = list(dict.fromkeys(path for content in val for path in content.images))
    pairs = _find_same(own, others)
    found = [f'{other} (is {path})' for other, path in pairs.items()]
    what = f'images of {names([content.source for content in val])} are also trained: their results are too good'
    return count_bad(found, len(others), what, warning=True)


def _find_same(own: Sequence[Path], others: Sequence[Path]) -> dict[Path, Path]:
    """Returns files with the same content among two lists, by that of the second list."""
    keys: dict[Path, tuple] = dict.fromkeys([*own, *others], ())
    # Cheap tests first: most files differ in size already, and few have to be read.
    for describe in (_size, _sample, _hash):
        values = in_threads(describe, keys)
        keys = {path: (*key, value) for (path, key), value in zip(keys.items(), values, strict=True)}
        both = {keys[path] for path in own if path in keys} & {keys[path] for path in others if path in keys}
        keys = {path: key for path, key in keys.items() if key in both and key[-1] is not None}
    first = {keys[path]: path for path in reversed(own) if path in keys}
    return {path: first[keys[path]] for path in others if path in keys}


def _size(path: Path) -> int | None:
    try:
        return os.path.getsize(path)
    except OSError:  # a missing file, which is told elsewhere
        return None


def _sample(path: Path) -> bytes | None:
    try:
        with open(path, 'rb') as file:
            file.seek(os.path.getsize(path) // 2)
            return file.read(_SAMPLE)
    except OSError:
        return None


def _hash(path: Path) -> bytes | None:
    try:
        return hashlib.sha256(path.read_bytes()).digest()
    except OSError:
        return None
