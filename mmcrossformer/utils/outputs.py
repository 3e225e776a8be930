"""Folders for results."""

from pathlib import Path

from mmcrossformer.utils.errors import UserError


def make_folder(option: str, folder: str | Path) -> None:
    """Creates a folder for results, so that a failure is reported before anything runs.

    Args:
        option: Option that names the folder, such as '--out'.
        folder: The folder.

    Raises:
        UserError: The folder cannot be created.
    """
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f'{option}: the folder {folder} cannot be created: {error.strerror}') from error
