"""Faults that no single annotation shows: images in both parts, rare classes, repeated and small objects."""

import shutil

import pytest
from checked import BATCH, assert_contains, edit, findings_of, only
from mmengine.config import ConfigDict
from quick import CONFIGS

from mmcrossformer.config.read import read_config
from mmcrossformer.config.sizes import resize_factors
from mmcrossformer.engine.check import check_job


def test_images_in_both_parts(job, data):
    """By content: the name is another one."""
    shutil.copy(data / 'images/2.jpg', data / 'images/val_1.jpg')
    only(
        job,
        'warning: 1 of 4 images of *val.json are also trained: their results are too good: '
        f'{data}/images/val_1.jpg (is {data}/images/2.jpg)',
    )


def test_images_of_equal_size_that_differ(job, data):
    """In one byte, before what is compared first."""
    content = bytearray((data / 'images/2.jpg').read_bytes())
    content += bytes(20_000)
    (data / 'images/2.jpg').write_bytes(content)
    content[-20_100] ^= 1
    (data / 'images/val_1.jpg').write_bytes(content)
    assert not [text for text in findings_of(job) if 'also trained' in text]
    (data / 'images/val_1.jpg').write_bytes((data / 'images/2.jpg').read_bytes())
    assert [text for text in findings_of(job) if 'also trained' in text]


def test_missing_images_are_not_the_same(job, data):
    (data / 'images/2.jpg').unlink()
    (data / 'images/val_2.jpg').unlink()
    train, val = findings_of(job)
    assert_contains(train, 'error: 1 of 4 images of *train.json are missing')
    assert_contains(val, 'error: 1 of 4 images of *val.json are missing')


def test_repeated_objects(job, data):
    edit(data, lambda coco: coco['annotations'].append(dict(coco['annotations'][2], id=99)))
    only(
        job, 'warning: 1 of 9 annotations of *train.json repeat image, category and box of another one: 99. Remove them'
    )


def rare(coco):
    """Twelve cats and five dogs."""
    cat, dog = coco['annotations'][:2]
    animals = enumerate([cat] * 12 + [dog] * 5, start=1)
    return dict(coco, annotations=[dict(animal, id=i, bbox=[5 + i / 100, 5, 10, 10]) for i, animal in animals])


def test_rare_classes(job, data):
    edit(data, rare)
    only(job, 'warning: 1 classes have fewer than 10 instances in *train.json: dog (5)')


def test_few_objects_of_all_classes_are_a_small_data_set(job):
    assert not findings_of(job)


def test_small_objects(job, data):
    """Ten pixels of 40 become 28 of 112, or 2.5 of 10."""
    step = next(step for step in job.train_dataloader.dataset.pipeline if step.type == 'Resize')
    assert step.scale == (112, 112)
    step.scale = (10, 10)
    only(
        job, 'warning: 8 of 8 objects of *train.json are smaller than 8 x 8 pixels after the resizing of the pipeline: '
    )


SCALES = {
    'long side': (dict(type='Resize', scale=(80, 60), keep_ratio=True), (2, 2)),
    'short side': (dict(type='Resize', scale=(800, 60), keep_ratio=True), (2, 2)),
    'upright scale': (dict(type='Resize', scale=(60, 800), keep_ratio=True), (2, 2)),
    'stretched': (dict(type='Resize', scale=(80, 30)), (2, 1)),
    'one number': (dict(type='Resize', scale=20), (0.5, 2 / 3)),
    'of another library': (dict(type='mmdet.Resize', scale=(80, 60), keep_ratio=True), (2, 2)),
    'one of several': (
        dict(type='RandomChoiceResize', scales=[(40, 30), (80, 60), (120, 90)], keep_ratio=True),
        (2, 2),
    ),
    'range': (dict(type='RandomResize', scale=(80, 60), ratio_range=(0.5, 1.5), keep_ratio=True), (2, 2)),
    'inside of another step': (
        dict(type='RandomChoice', transforms=[[dict(type='Resize', scale=(80, 60), keep_ratio=True)]]),
        (2, 2),
    ),
    'none': (dict(type='RandomFlip', prob=0.5), (1, 1)),
}


@pytest.mark.parametrize('kind', SCALES)
def test_resize_factors(kind):
    step, factors = SCALES[kind]
    assert resize_factors([dict(type='LoadImageFromFile'), ConfigDict(step)], 40, 30) == pytest.approx(factors)


def test_classes_of_images(data):
    """Classifiers, whose images have a label each."""
    for part, counts in (('train', dict(cat=30, dog=1, newt=0)), ('val', dict(cat=1, dog=1, newt=1))):
        for name, count in counts.items():
            folder = data / part / name
            folder.mkdir(parents=True)
            for i in range(count):
                content = (data / 'images/0.jpg').read_bytes()
                (folder / f'{i}.jpg').write_bytes(content + f'{part}{name}{i}'.encode())
    cfg = read_config(str(CONFIGS / 'crossformer_t_digits.py'))
    for part in ('train', 'val'):
        cfg[f'{part}_dataloader'].dataset = dict(type='CustomDataset', data_root=str(data / part), pipeline=[])
        cfg[f'{part}_dataloader'].batch_size = BATCH
    cfg.model.head.num_classes = 3
    texts = '\n'.join(str(finding) for finding in check_job(cfg, channels=False))
    assert_contains(texts, 'warning: 1 classes have no instance in train_dataloader: newt')
    assert_contains(texts, 'warning: 1 classes have fewer than 10 instances in train_dataloader: dog (1)')
    assert_contains(texts, 'warning: 1 classes have instances in val_dataloader and none to train on: newt')
    assert 'also trained' not in texts
