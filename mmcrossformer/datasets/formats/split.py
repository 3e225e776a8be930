"""Splits pictures into those to train on and those to validate on."""

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from PIL import Image

from mmcrossformer.datasets.formats.found import Picture
from mmcrossformer.utils.errors import UserError

_THREADS = 8
# JPEG files are decoded at a fraction of their size, not below this: ten times as fast, and equal pictures stay equal.
_SIDE = 128


def split(pictures: Sequence[Picture], share: float) -> tuple[list[Picture], list[Picture]]:
    """Splits pictures by their content.

    The order of hashes decides, so that the split depends neither on names nor on a seed, and stays nearly the same
    when pictures are added. Pictures of equal pixels are always on the same side, whatever else their files contain.

    Args:
        pictures: The pictures.
        share: Share to train on, above 0 and below 1.

    Returns:
        Pictures to train on, at least one, and to validate on, at least one; each in the order of `pictures`.

    Raises:
        UserError: There are fewer than two different pictures, or a file cannot be read.
    """
    groups: dict[bytes, list[int]] = {}
    with ThreadPoolExecutor(_THREADS) as pool:
        for index, key in enumerate(pool.map(_hash, [picture.path for picture in pictures])):
            groups.setdefault(key, []).append(index)
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
    """Hashes the pixels of an image, or the file if it is none; the check reports it then."""
    try:
        with Image.open(path) as image:
            size = image.size
            image.draft(None, (_SIDE, _SIDE))
            return hashlib.sha256(repr((size, image.mode)).encode() + image.tobytes()).digest()
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):  # how Pillow reports files that are broken
        pass
    try:
        return hashlib.sha256(path.read_bytes()).digest()
    except OSError as error:
        raise UserError(f'image {path} cannot be read: {error.strerror}') from error
