"""Checks for a text where a tuple of texts is meant: ('cat') is not ('cat',)."""

from collections.abc import Iterator
from pathlib import Path

from mmengine.config import Config

from mmcrossformer.config.walk import datasets_of
from mmcrossformer.engine.check.finding import Finding


def check_texts(cfg: Config) -> Iterator[Finding]:
    """Checks the classes of data sets: the host libraries take each letter of a text as a class."""
    for part in ('train', 'val', 'test'):
        for dataset in datasets_of(cfg.get(f'{part}_dataloader')):
            for name, classes in (
                ('metainfo.classes', (dataset.get('metainfo') or {}).get('classes')),
                ('classes', dataset.get('classes')),
            ):
                # The host libraries read names from a file.
                if isinstance(classes, str) and not Path(classes).is_file():
                    yield Finding(
                        f'{name} of the data set of {part}_dataloader is the text {classes!r} and no file, and each of '
                        f'its letters would be a class: a tuple of one name has a comma, ({classes!r},)'
                    )
