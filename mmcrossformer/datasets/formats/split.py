"""Splits pictures into those to train on and those to validate on."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from mmcrossformer.datasets.formats.found import Picture
from mmcrossformer.utils.errors import UserError


def split(pictures: Sequence[Picture], share: float) -> tuple[list[Picture], list[Picture]]:
    """Splits pictures by the content of their files.

    The order of the hashes decides, so that the split depends neither on names nor on a seed, and stays nearly the same
    when pictures are added. Files of equal content are always on the same side.

    Args:
        pictures: The pictures.
        share: Share to train on, above 0 and below 1.

    Returns:
        Pictures to train on, at least one, and to validate on, at least one; each in the order of `pictures`.

    Raises:
        UserError: There are fewer than two different pictures, or a file cannot be read.
    """
    groups: dict[bytes, list[int]] = {}
    for index, picture in enumerate(pictures):
        groups.setdefault(_hash(picture.path), []).append(index)
    if len(groups) < 2:
        raise UserError(
            f'{len(pictures)} pictures of {len(groups)} different contents cannot be split into training and '
            'validation: at least two different ones are needed'
        )
    wanted, trained = share * len(pictures), set[int]()
    ordered = [groups[key] for key in sorted(groups)]
    for group in ordered[:-1]:  # the last group is always left to validate on
        if trained and len(trained) + len(group) / 2 > wanted:
            break
        trained.update(group)
    train = [picture for index, picture in enumerate(pictures) if index in trained]
    val = [picture for index, picture in enumerate(pictures) if index not in trained]
    return train, val


def _hash(path: Path) -> bytes:
    try:
        return hashlib.sha256(path.read_bytes()).digest()
    except OSError as error:
        raise UserError(f'image {path} cannot be read: {error.strerror}') from error
