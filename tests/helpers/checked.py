"""A small data set in COCO format in which nothing is wrong, and checking a job on it."""

import copy
import functools
import json

import numpy as np
import pytest
from PIL import Image
from quick import CONFIGS

from mmcrossformer.config.own_data import use_own_coco
from mmcrossformer.config.read import read_config
from mmcrossformer.engine.check import Limits, check_job

WIDTH, HEIGHT = 40, 30
BATCH = 2
SQUARE = [5, 5, 15, 5, 15, 15, 5, 15]


def image_name(i, part):
    """Training and validation have images of their own."""
    return f'{i}.jpg' if part == 'train' else f'{part}_{i}.jpg'


def coco_of(count=4, part='train'):
    """Two categories, an instance of each in every image."""
    names = [image_name(i, part) for i in range(count)]
    return dict(
        info=part,
        images=[dict(id=i, file_name=name, width=WIDTH, height=HEIGHT) for i, name in enumerate(names)],
        categories=[dict(id=1, name='cat'), dict(id=2, name='dog')],
        annotations=[
            dict(
                id=10 * i + category,
                image_id=i,
                category_id=category,
                bbox=[5, 5, 10, 10],
                area=100,
                iscrowd=0,
                segmentation=[SQUARE],
            )
            for i in range(count)
            for category in (1, 2)
        ],
    )


def many(coco, times):
    """The same with more annotations, whose boxes differ a little."""
    annotations = [
        dict(entry, id=i + 1, bbox=[5 + i / 1000, 5, 10, 10]) for i, entry in enumerate(coco['annotations'] * times)
    ]
    return dict(coco, annotations=annotations)


@pytest.fixture
def data(tmp_path):
    """A folder with images and annotations in which nothing is wrong."""
    noise = np.random.default_rng(0)
    (tmp_path / 'images').mkdir()
    for part in ('train', 'val'):
        for i in range(4):
            pixels = noise.integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / 'images' / image_name(i, part))
        (tmp_path / f'{part}.json').write_text(json.dumps(coco_of(part=part)))
    return tmp_path


@pytest.fixture
def check(call, data):
    """Checks the data with a config for masks; returns exit code and text."""

    def run(*arguments, tool='check', config='mask_rcnn_crossformer_t_digits'):
        path = data / 'config.py'
        # A batch of the config would have more images than there are.
        path.write_text(f'_base_ = {str(CONFIGS / config) + ".py"!r}\ntrain_dataloader = dict(batch_size={BATCH})\n')
        own = ['--data-root', data, '--train-ann', 'train.json', '--val-ann', 'val.json', '--img-dir', 'images']
        return call(tool, path, *own, *arguments)

    return run


@pytest.fixture
def job(data):
    """A detector on the data."""
    return own_job(data, 'retinanet_crossformer_t_digits')


@pytest.fixture
def mask_job(data):
    """A detector on the data that needs masks."""
    return own_job(data, 'mask_rcnn_crossformer_t_digits')


@functools.cache
def _read(config):
    return read_config(str(CONFIGS / f'{config}.py'))


def own_job(data, config):
    """A config on the data."""
    cfg = copy.deepcopy(_read(config))
    cfg.train_dataloader.batch_size = BATCH
    use_own_coco(cfg, str(data), 'train.json', 'val.json', 'images')
    return cfg


def edit(data, change, parts=('train',)):
    """Changes the content of annotation files."""
    for part in parts:
        path = data / f'{part}.json'
        coco = json.loads(path.read_text())
        path.write_text(json.dumps(change(coco) or coco))


def set_to(part, i, **values):
    """Returns a change for `edit`: values of one entry."""
    return lambda coco: coco[part][i].update(values)


def findings_of(cfg, limits=None):
    """The texts of what the check finds, without the channels, which take longest."""
    return [str(finding) for finding in check_job(cfg, limits or Limits(), channels=False)]


def only(cfg, pattern, limits=None):
    """The single finding of a job is like the pattern, see `assert_contains`."""
    found = findings_of(cfg, limits)
    assert len(found) == 1, found
    assert_contains(found[0], pattern)


def assert_contains(text, pattern):
    """The parts between the asterisks follow each other in the text."""
    place = 0
    for part in pattern.split('*'):
        place = text.find(part.strip(), place)
        assert place >= 0, f'{part!r} is not in: {text}'


def single(texts):
    """The only one of the texts."""
    (text,) = texts
    return text


def switch_validation_off(cfg):
    """Makes a job train alone."""
    cfg.update(val_dataloader=None, val_evaluator=None, val_cfg=None)
