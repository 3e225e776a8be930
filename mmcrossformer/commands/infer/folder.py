"""Prepares the folder of a run and stores its settings, so that results of different runs are not mixed."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

from mmengine.config import Config

from mmcrossformer.utils.errors import UserError
from mmcrossformer.utils.files import file_digest, write_json

_SETTINGS = 'infer.json'
JOURNALS = 'journal'
# All files of a run; nothing else is ever removed.
_FILES = (_SETTINGS, 'predictions.json', 'predictions.csv', 'failed.txt')
_FOLDERS = (JOURNALS, 'segments', 'overlays')


def describe_run(cfg: Config, checkpoint: str | Path, choices: dict[str, Any]) -> dict[str, Any]:
    """Returns the settings that the results of a run depend on, apart from the images.

    Args:
        cfg: The config.
        checkpoint: File of the weights, which is identified by its content.
        choices: Values of options.

    Raises:
        UserError: The checkpoint cannot be read.
    """
    try:
        digest = file_digest(checkpoint)
    except OSError as error:
        raise UserError(f'checkpoint {checkpoint} cannot be read: {error.strerror}') from error
    settings = hashlib.sha256(repr(cfg.to_dict()).encode()).hexdigest()
    return dict(config=settings, checkpoint=digest, **choices)


def prepare_folder(folder: Path, run: dict[str, Any], overwrite: bool) -> None:
    """Creates the folder, or checks that it has results of the same run.

    Args:
        folder: The folder.
        run: Settings from `describe_run`.
        overwrite: Whether to remove results of another run.

    Raises:
        UserError: The folder has other content.
    """
    if folder.exists() and not folder.is_dir():
        raise UserError(f'--out: {folder} is no folder')
    path = folder / _SETTINGS
    if path.is_file():
        if overwrite:
            _clear(folder)
        else:
            _compare(folder, json.loads(path.read_text()), run)
    elif folder.is_dir() and any(folder.iterdir()):
        raise UserError(f'--out: {folder} has other files than results of `mmcrossformer infer`: name a new folder')
    try:
        (folder / JOURNALS).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f'--out: {folder} cannot be created: {error.strerror}') from error
    write_json(path, run)


def _compare(folder: Path, earlier: dict[str, Any], run: dict[str, Any]) -> None:
    differing = [
        f'another {name}' if name in ('config', 'checkpoint') else f'{name} {earlier.get(name)} and not {run[name]}'
        for name in run
        if earlier.get(name) != run[name]
    ]
    if differing:
        raise UserError(
            f'--out: {folder} has results of another run, with {", ".join(differing)}: '
            'name another folder, or replace them with --overwrite'
        )


def _clear(folder: Path) -> None:
    for name in _FOLDERS:
        shutil.rmtree(folder / name, ignore_errors=True)
    for name in _FILES:
        (folder / name).unlink(missing_ok=True)
