"""Folders of classes are looked at as mmpretrain takes them."""

import numpy as np
import pytest
from checked import single, switch_validation_off
from PIL import Image
from quick import CONFIGS

from mmcrossformer.config.read import read_config
from mmcrossformer.engine.check import check_job


@pytest.fixture
def folder(tmp_path):
    """Two classes."""
    for name in ('cat', 'dog'):
        add(tmp_path / name)
    return tmp_path


def add(folder):
    """Adds a folder with an image."""
    folder.mkdir(parents=True)
    Image.new('RGB', (8, 8)).save(folder / '0.jpg')


@pytest.fixture
def check(folder):
    """Checks the folder with a small classifier; returns the texts of the findings."""

    def run(count=2, steps=(), **data):
        cfg = read_config(str(CONFIGS / 'crossformer_t_digits.py'))
        cfg.model.head.num_classes = count
        data = dict(type='CustomDataset', data_root=str(folder), pipeline=list(steps), **data)
        cfg.train_dataloader.batch_size = 1
        cfg.train_dataloader.dataset = data
        switch_validation_off(cfg)
        return [str(finding) for finding in check_job(cfg, channels=False)]

    return run


def test_nothing_is_wrong(check):
    assert check() == []
    assert check(metainfo=dict(classes=('cat', 'dog'))) == []
    assert check(metainfo=dict(classes=('Katze', 'Hund'))) == []


@pytest.mark.parametrize('name', ['.ipynb_checkpoints', '__MACOSX'])
def test_folders_that_tools_leave_behind(name, check, folder):
    add(folder / name)
    text = single(check(3))
    assert text.startswith(f'error: 1 of 3 folders of train_dataloader are no classes: {name}. mmpretrain takes every ')
    # mmpretrain itself finds it where the classes are named.
    assert "The number of subfolders (3) doesn't match" in check(metainfo=dict(classes=('cat', 'dog')))[0]


def test_parts_in_place_of_classes(check, folder):
    for name in ('cat', 'dog'):
        for part in ('train', 'val'):
            add(folder / part / name)
    beside = single(check(4))
    assert beside.startswith('warning: the classes of train_dataloader are cat, dog, train, val: train, val look like')
    for name in ('cat', 'dog'):
        (folder / name / '0.jpg').unlink()
        (folder / name).rmdir()
    text = single(check())
    assert text.startswith('error: the classes of train_dataloader are train, val: train, val look like parts of the')
    assert text.endswith(f'Set data_prefix to one of them, such as {folder / "train"}')
    assert check(data_prefix='train') == []


def test_names_in_another_order(check):
    text = single(check(metainfo=dict(classes=('dog', 'cat'))))
    assert 'cat (folder 0, class 1), dog (folder 1, class 0). Labels follow the order of the folders' in text
    assert "set metainfo.classes to ('cat', 'dog'), or leave it out" in text


def test_folders_without_images(check, folder):
    (folder / 'newt').mkdir()
    assert single(check(3)) == 'warning: 1 classes have no instance in train_dataloader: newt'


def test_images_without_a_folder(check, folder):
    Image.new('RGB', (8, 8)).save(folder / 'lost.jpg')
    (folder / 'README.txt').touch()
    text = single(check())
    assert text == f'warning: 1 images in {folder} are in no folder of a class, and are left out: lost.jpg'


def test_one_class(check, folder):
    (folder / 'dog/0.jpg').unlink()
    (folder / 'dog').rmdir()
    softmax, data = check(1)
    assert 'model.head has one class and a loss with a softmax' in softmax
    assert data == (
        'error: train_dataloader has one class, cat: there is nothing to tell apart. Add a folder of others'
    )


def test_images_that_lose_values(check, folder):
    values = np.arange(64, dtype=np.uint16).reshape(8, 8) * 1000
    Image.fromarray(values).save(folder / 'cat/1.png')
    assert check() == []  # without a step that loads images
    text = single(check(steps=[dict(type='LoadImageFromFile'), dict(type='PackInputs')]))
    assert text.startswith('warning: 1 of 3 images of train_dataloader lose something when they are loaded: ')
    assert 'cat/1.png (more than 8 bits' in text


def test_labels_of_a_list(check, folder):
    (folder / 'list.txt').write_text('cat/0.jpg 0\ndog/0.jpg 2\n')
    text = check(ann_file='list.txt', metainfo=dict(classes=('cat', 'dog')))[0]
    assert f'1 of 2 images of {folder}/list.txt have labels beyond 0 to 1: {folder}/dog/0.jpg (2)' in text
