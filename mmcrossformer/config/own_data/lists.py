"""Writes lists of files as the host libraries read them."""

from collections.abc import Sequence
from pathlib import Path

from mmcrossformer.utils.errors import UserError
from mmcrossformer.utils.files import write_text


def write_list(path: Path, lines: Sequence[str]) -> Path:
    """Writes one entry a line, and returns the path of the file.

    Raises:
        UserError: An entry has a line break, or characters that are not UTF-8.
    """
    for line in lines:
        try:
            line.encode()
        except UnicodeEncodeError as error:
            raise UserError(f'the name of image {line!r} is not UTF-8: rename it') from error
        if len(line.splitlines()) > 1:
            raise UserError(f'the name of image {line!r} has a line break: rename it')
    write_text(path, ''.join(f'{line}\n' for line in lines))
    return path
