"""Checks data sets with a folder for each class, by the rules of mmpretrain's `CustomDataset`."""

from collections.abc import Sequence
from pathlib import Path

from mmengine.dataset import BaseDataset

from mmcrossformer.engine.check.finding import Finding
from mmcrossformer.utils.errors import names

# Folders that tools leave behind, beside those whose name starts with a dot.
_STRAY = ('__MACOSX', '__pycache__', '@eaDir', '$RECYCLE.BIN', 'System Volume Information')
# Folders that divide a data set.
_PARTS = ('train', 'training', 'val', 'valid', 'validation', 'test', 'testing')


def check_class_folders(dataset: BaseDataset, classes: Sequence[str], source: str) -> list[Finding]:
    """Checks the folders that a data set takes as classes, in the order of their names.

    Args:
        dataset: The data set.
        classes: Names of its classes.
        source: Where the folders are listed, for the messages.

    Returns:
        The findings; none for a data set of another kind.
    """
    folders = list(getattr(dataset, 'folder_to_idx', ()))  # set by mmpretrain where folders are the classes
    if not folders:
        return []
    root = Path(dataset.img_prefix)
    stray = [name for name in folders if name.startswith('.') or name in _STRAY]
    parts = [name for name in folders if name.lower() in _PARTS]
    moved = [
        f'{name} (folder {i}, class {classes.index(name)})'
        for i, name in enumerate(folders)
        if name in classes and classes.index(name) != i
    ]
    loose = sorted(path.name for path in root.iterdir() if path.is_file() and dataset.is_valid_file(path.name))
    findings = []
    if stray:
        findings.append(
            Finding(
                f'{len(stray)} of {len(folders)} folders of {source} are no classes: {names(stray)}. mmpretrain takes '
                f'every folder in {root} as a class, and the labels of those behind it move: remove them'
            )
        )
    if parts:
        findings.append(
            Finding(
                f'the classes of {source} are {names(folders)}: {names(parts)} look like parts of the data, whose '
                f'folders would be the classes. Set data_prefix to one of them, such as {root / parts[0]}',
                warning=len(parts) < len(folders),
            )
        )
    if moved:
        findings.append(
            Finding(
                f'the folders of {source} are in another order than metainfo.classes: {names(moved)}. Labels follow '
                f'the order of the folders: set metainfo.classes to {tuple(folders)}, or leave it out'
            )
        )
    if loose:
        findings.append(
            Finding(
                f'{len(loose)} images in {root} are in no folder of a class, and are left out: {names(loose)}',
                warning=True,
            )
        )
    if len(folders) == 1:
        findings.append(
            Finding(f'{source} has one class, {folders[0]}: there is nothing to tell apart. Add a folder of others')
        )
    return findings
