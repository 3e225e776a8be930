"""Objects of XML files that mmdet drops without a word."""

import pytest
from checked import BATCH, HEIGHT, WIDTH, assert_contains
from quick import CONFIGS

from mmcrossformer.config.read import read_config
from mmcrossformer.engine.check import check_job

OBJECT = (
    '<object><name>{name}</name><difficult>{difficult}</difficult><bndbox><xmin>6</xmin><ymin>6</ymin>'
    '<xmax>16</xmax><ymax>16</ymax></bndbox></object>'
)


@pytest.fixture
def check(data):
    """Checks a data set in VOC's format, with a cat and an object of another name in each image."""

    def run(other='dog', difficult=0, classes=('cat', 'dog'), size=(WIDTH, HEIGHT)):
        (data / 'Annotations').mkdir()
        (data / 'images').rename(data / 'JPEGImages')
        for path in (data / 'JPEGImages').iterdir():
            objects = ''.join(OBJECT.format(name=name, difficult=difficult) for name in ('cat', other))
            sides = f'<size><width>{size[0]}</width><height>{size[1]}</height></size>'
            (data / f'Annotations/{path.stem}.xml').write_text(f'<annotation>{sides}{objects}</annotation>')
        cfg = read_config(str(CONFIGS / 'retinanet_crossformer_t_256px_coco.py'))
        for part, names in (('train', '0123'), ('val', ('val_0', 'val_1'))):
            (data / f'{part}.txt').write_text('\n'.join(names))
            cfg[f'{part}_dataloader'].dataset = dict(
                type='VOCDataset',
                data_root=str(data),
                data_prefix=dict(sub_data_root=''),
                ann_file=f'{part}.txt',
                metainfo=dict(classes=classes),
                pipeline=cfg[f'{part}_dataloader'].dataset.pipeline,
            )
        cfg.train_dataloader.batch_size = BATCH
        cfg.auto_scale_lr.base_batch_size = BATCH
        cfg.val_evaluator = cfg.test_evaluator = dict(type='VOCMetric', metric='mAP')
        cfg.test_dataloader = cfg.val_dataloader
        cfg.model.bbox_head.num_classes = len(classes)
        return '\n'.join(str(finding) for finding in check_job(cfg, channels=False))

    return run


def test_nothing_is_wrong(check):
    assert not check()


def test_names_that_are_no_classes(check):
    text = check(other='Dog')
    assert_contains(
        text,
        'warning: 4 of 8 objects of *train.txt have names that are no classes of the data set, and are dropped: '
        'Dog (4). The classes are cat, dog',
    )
    assert 'error' not in text


def test_no_name_is_a_class(check):
    text = check(classes=('Cat', 'Dog'))
    assert_contains(
        text, 'warning: 8 of 8 objects of *train.txt have names * cat (4), dog (4). The classes are Cat, Dog'
    )
    assert_contains(text, 'error: *train.txt has no object of any class of the data set that could be trained or found')


def test_difficult_objects(check):
    text = check(difficult=1)
    assert_contains(text, 'warning: 8 of 8 objects of *train.txt are ignored: difficult or too small')
    assert_contains(text, 'error: *train.txt has no object of any class of the data set that could be trained or found')


def test_sizes(check):
    assert_contains(
        check(size=(HEIGHT, WIDTH)), 'error: 4 of 4 images of *train.txt have another width x height than in'
    )
