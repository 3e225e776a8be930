"""Splits of own pictures."""

import shutil

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from mmcrossformer.datasets.formats.found import Picture
from mmcrossformer.datasets.formats.split import split
from mmcrossformer.utils.errors import UserError


@pytest.fixture
def pictures(tmp_path):
    """Twenty different pictures."""
    noise = np.random.default_rng(0)
    found = []
    for i in range(20):
        path = tmp_path / f'{i:02}.{"jpg" if i % 2 else "png"}'
        Image.fromarray(noise.integers(0, 255, (40, 60, 3), dtype=np.uint8)).save(path)
        found.append(Picture(path, i))
    return found


def test_shares(pictures):
    for share, number in ((0.8, 16), (0.5, 10), (0.01, 1), (0.99, 19)):
        train, val = split(pictures, share)
        assert len(train) == number
        assert sorted(picture.annotation for picture in (*train, *val)) == [*range(20)]
        assert train == sorted(train, key=lambda picture: picture.annotation)


def test_names_and_order_do_not_matter(pictures, tmp_path):
    (tmp_path / 'other').mkdir()
    renamed = []
    for picture in pictures:
        path = tmp_path / 'other' / f'{99 - picture.annotation}{picture.path.suffix}'
        shutil.copy(picture.path, path)
        renamed.append(Picture(path, picture.annotation))
    sides = [
        [{picture.annotation for picture in side} for side in split(files, 0.7)]
        for files in (pictures, renamed, renamed[::-1])
    ]
    assert sides[0] == sides[1] == sides[2]


def test_equal_pictures_stay_together(pictures, tmp_path):
    """Copies, and files of the same pixels with other metadata."""
    copies = []
    for picture in pictures:
        path = tmp_path / f'copy_{picture.path.name}'
        if picture.path.suffix == '.png':
            text = PngInfo()
            text.add_text('Comment', 'changed')
            Image.open(picture.path).save(path, pnginfo=text)
            assert path.read_bytes() != picture.path.read_bytes()
        else:
            exif = Image.Exif()
            exif[0x010E] = 'changed'
            path.write_bytes(_with_exif(picture.path.read_bytes(), exif.tobytes()))
            assert np.array_equal(Image.open(path), Image.open(picture.path))
        copies.append(Picture(path, picture.annotation))
    train, val = split([*pictures, *copies], 0.7)
    assert len(train) == 28
    assert not {picture.annotation for picture in train} & {picture.annotation for picture in val}


def _with_exif(content, exif):
    return content[:2] + b'\xff\xe1' + (len(exif) + 2).to_bytes(2, 'big') + exif + content[2:]


def test_a_file_that_is_no_image_is_left_to_the_check(pictures, tmp_path):
    broken = tmp_path / 'broken.jpg'
    broken.write_bytes(b'none')
    train, val = split([*pictures, Picture(broken, 20)], 0.5)
    assert len(train) + len(val) == 21


def test_messages(pictures, tmp_path):
    with pytest.raises(UserError, match='2 pictures of 1 different contents cannot be split'):
        split([pictures[0], pictures[0]], 0.8)
    with pytest.raises(UserError, match=r'gone\.jpg cannot be read'):
        split([*pictures, Picture(tmp_path / 'gone.jpg', 0)], 0.8)
