"""What is wrong with a job is told before it starts: faults are planted in small data sets, and each is found."""

import json
import os
import threading
from collections import Counter

import numpy as np
import pytest
from mmengine.runner import Runner
from PIL import Image
from quick import CONFIGS

from mmcrossformer import CrossFormer
from mmcrossformer.config.own_data import use_own_coco
from mmcrossformer.config.read import read_config
from mmcrossformer.engine.check import Limits, check_job

pytestmark = pytest.mark.hosts

WIDTH, HEIGHT = 40, 30
SQUARE = [5, 5, 15, 5, 15, 15, 5, 15]


def coco_of(count=4, part='train'):
    """Two categories, an instance of each in every image."""
    return dict(
        info=part,
        images=[dict(id=i, file_name=f'{i}.jpg', width=WIDTH, height=HEIGHT) for i in range(count)],
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


@pytest.fixture
def data(tmp_path):
    """A folder with images and annotations in which nothing is wrong."""
    noise = np.random.default_rng(0)
    (tmp_path / 'images').mkdir()
    for i in range(4):
        pixels = noise.integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / 'images' / f'{i}.jpg')
    for part in ('train', 'val'):
        (tmp_path / f'{part}.json').write_text(json.dumps(coco_of(part=part)))
    return tmp_path


@pytest.fixture
def check(call, data):
    """Checks the data with a config for masks; returns exit code and text."""

    def run(*arguments, tool='check', config='mask_rcnn_crossformer_t_digits'):
        own = ['--data-root', data, '--train-ann', 'train.json', '--val-ann', 'val.json', '--img-dir', 'images']
        return call(tool, CONFIGS / f'{config}.py', *own, *arguments)

    return run


def test_nothing_is_wrong(check):
    code, text = check()
    assert code == 0, text
    assert 'no errors that would spoil the training' in text
    assert 'error:' not in text
    assert 'warning' not in text


def set_to(part, i, **values):
    return lambda coco: coco[part][i].update(values)


def take(part):
    return lambda coco: coco.pop(part)


def clear(part):
    return lambda coco: coco[part].clear()


FAULTS = {
    'empty box': (
        set_to('annotations', 0, bbox=[5, 5, 0, 10]),
        '1 of 8 annotations of * have an empty or inverted box * 1.',
    ),
    'inverted box': (
        set_to('annotations', 1, bbox=[15, 15, -10, -10]),
        '1 of 8 annotations of * have an empty or inverted box * 2.',
    ),
    'box outside': (
        set_to('annotations', 2, bbox=[45, 5, 10, 10]),
        '1 of 8 annotations of * have a box outside of the image: 11.',
    ),
    'no such image': (
        set_to('annotations', 0, image_id=99),
        '1 of 8 annotations of * belong to no image of the file: 1.',
    ),
    'no such category': (
        set_to('annotations', 0, category_id=9),
        '1 of 8 annotations of * have a category that the file does not list: 1.',
    ),
    'polygon outside': (
        set_to('annotations', 0, segmentation=[[5, 5, 50, 5, 50, 15]]),
        '1 of 8 annotations of * have a mask that is no polygon inside of the image: 1',
    ),
    'polygon of two points': (
        set_to('annotations', 0, segmentation=[[5, 5, 15, 5]]),
        '1 of 8 annotations of * have a mask that is no polygon inside of the image: 1',
    ),
    'mask of another size': (
        set_to('annotations', 0, segmentation=dict(size=[40, 30], counts='')),
        '1 of 8 annotations of * have a mask that is no polygon inside of the image: 1',
    ),
    'box of three numbers': (
        set_to('annotations', 0, bbox=[5, 5, 10]),
        '1 of 8 annotations of * have a box that is not the four numbers x, y, width, height: 1',
    ),
    'ids that meet': (set_to('annotations', 0, id=2), '1 of 8 annotations of * share their id with another one: 2'),
    'no mask': (
        set_to('annotations', 0, segmentation=[]),
        '1 of 8 annotations of * have no segmentation, and the config trains masks: 1. Use a config that needs',
    ),
    'image missing': (
        set_to('images', 2, file_name='away.jpg'),
        '1 of 4 images of * are missing: */images/away.jpg',
    ),
    'image of another size': (
        set_to('images', 1, width=HEIGHT, height=WIDTH),
        '1 of 4 images of * have another width x height than in the annotations: *1.jpg (40 x 30, not 30 x 40)',
    ),
    'no categories': (clear('categories'), 'train.json has no categories'),
    'no images': (clear('images'), 'train.json has no images'),
    'not COCO': (take('annotations'), "train.json is not in COCO format: it has no list 'annotations'"),
}


@pytest.mark.parametrize('fault', FAULTS)
def test_faults_of_annotations(check, data, fault):
    (plant, message), coco = FAULTS[fault], coco_of()
    plant(coco)
    (data / 'train.json').write_text(json.dumps(coco))
    code, text = check()
    assert code == 2
    assert_contains(text, message)


def test_few_bad_boxes_are_a_warning(check, data):
    """COCO itself has some."""
    coco = coco_of()
    coco['annotations'] = [dict(entry, id=i) for i, entry in enumerate(coco['annotations'] * 20)]
    coco['annotations'][7]['bbox'] = [5, 5, 0, 0]
    (data / 'train.json').write_text(json.dumps(coco))
    code, text = check()
    assert code == 0
    assert_contains(text, 'warning: 1 of 160 annotations of * have an empty or inverted box')


def test_categories_without_instances(check, data):
    coco = coco_of()
    coco['annotations'] = [entry for entry in coco['annotations'] if entry['category_id'] == 1]
    (data / 'train.json').write_text(json.dumps(coco))
    code, text = check()
    assert code == 0
    assert_contains(text, 'warning: 1 classes have no instance in * dog')


def test_faults_of_images(check, data):
    content = (data / 'images/2.jpg').read_bytes()
    (data / 'images/2.jpg').write_bytes(content[: len(content) // 2])
    (data / 'images/3.jpg').write_text('<html>')
    code, text = check()
    assert code == 2
    assert_contains(text, '2 of 4 images of * cannot be decoded: */images/2.jpg, */images/3.jpg')
    # Fewer are decoded when that is asked for.
    assert_contains(check('--decode', 2)[1], '1 of 2 decoded images of * cannot be decoded: */images/2.jpg')
    assert check('--decode', 1)[0] == 0


def test_only_the_first_five_are_named(check, data):
    coco = coco_of(12)
    (data / 'train.json').write_text(json.dumps(coco))
    text = check()[1]
    assert_contains(text, '8 of 12 images of * are missing: * and 3 more')
    assert '9.jpg' not in text


def test_another_folder(check, data):
    (data / 'images').rename(data / 'photos')
    (data / 'images').mkdir()
    code, text = check()
    assert code == 2
    assert_contains(text, 'none of the 4 images of * is in its folder, such as */images/0.jpg. Check data_root')


def test_faults_of_the_model(check):
    code, text = check(
        '--cfg-options', 'model.neck.in_channels=[96,192,384,768]', 'model.backbone.out_indices=[0,1,2,3]'
    )
    assert code == 2
    assert_contains(
        text, 'model.neck.in_channels is [96, 192, 384, 768], but CrossFormer returns * [64, 128, 256, 512]'
    )


def test_classes_that_do_not_fit(call, data, tmp_path):
    """A config of one's own, whose names are not those of the file: mmdet would drop the annotations, silently."""
    config = tmp_path / 'own.py'
    config.write_text(
        f"""
_base_ = {str(CONFIGS / 'retinanet_crossformer_t_digits.py')!r}
data = dict(
    _delete_=True, type='CocoDataset', data_root={str(data)!r}, data_prefix=dict(img='images'),
    metainfo=dict(classes=('cat', 'hound', 'bird')), pipeline=[],
)
train_dataloader = dict(dataset=dict(data, ann_file='train.json'))
val_dataloader = dict(dataset=dict(data, ann_file='val.json'))
val_evaluator = dict(ann_file={str(data / 'val.json')!r})
"""
    )
    code, text = call('check', config)
    assert code == 2
    assert_contains(text, '2 of the 3 classes of the data set are no categories of * hound, bird. It has cat')
    assert_contains(text, '1 categories of * are no classes of the data set: dog; 4 annotations are dropped')
    assert_contains(text, 'model.bbox_head (RetinaHead) has 10 classes, the data set of * has 3 (cat, hound, bird)')


def test_learning_rate_of_another_batch(check):
    base = '--cfg-options', 'auto_scale_lr.base_batch_size=64', 'optim_wrapper.optimizer.lr=0.001'
    code, text = check(*base)
    assert code == 0
    assert_contains(text, 'warning: the learning rate 0.001 was chosen for 64 images a step, this job has 8')
    assert_contains(text, 'by the linear rule it would be 0.000125, which --auto-scale-lr sets')
    assert 'learning rate' not in check(*base, 'optim_wrapper.accumulative_counts=8')[1]


def test_train_checks_first(check, data, tmp_path):
    (data / 'images/3.jpg').unlink()
    (data / 'images/2.jpg').write_text('')
    work_dir = tmp_path / 'run'
    code, text = check('--work-dir', work_dir, tool='train')
    assert code == 2
    assert_contains(text, 'the job has errors (--no-check starts it anyway): * are missing: * cannot be decoded:')
    assert not work_dir.exists()


def test_train_looks_before_the_processes_join(check, data, monkeypatch):
    """The second process is not there: who joined first would wait for it."""
    (data / 'images/3.jpg').unlink()
    for name, value in dict(RANK=0, WORLD_SIZE=2, MASTER_ADDR='127.0.0.1', MASTER_PORT=1).items():
        monkeypatch.setenv(name, str(value))
    waiting = ['--launcher', 'pytorch', '--cfg-options', 'env_cfg.dist_cfg.timeout=1']
    code, text = check(*waiting, tool='train')
    assert code == 2
    assert_contains(text, 'the job has errors (--no-check starts it anyway): * are missing: ')


def test_each_file_is_read_once_and_each_backbone_built_once(check, tmp_path, monkeypatch):
    """Up to the first step, beside what the host library reads: each data set and the metric its own file."""
    read, built = Counter(), []
    loads, build = json.loads, CrossFormer.__init__

    def counting(text, **kwargs):
        found = loads(text, **kwargs)
        if isinstance(found, dict) and 'annotations' in found:
            read[found['info']] += 1
        return found

    def building(self, *args, **kwargs):
        built.append(type(self))
        build(self, *args, **kwargs)

    monkeypatch.setattr(json, 'loads', counting)  # json.load calls it, too
    monkeypatch.setattr(CrossFormer, '__init__', building)
    monkeypatch.setattr(Runner, 'train', lambda runner: None)
    code, text = check('--work-dir', tmp_path / 'run', tool='train')
    assert code == 0, text
    assert read == dict(train=1 + 1, val=1 + 2)
    assert len(built) == 1


@pytest.fixture
def job(data):
    """A small detector on the data."""
    cfg = read_config(str(CONFIGS / 'retinanet_crossformer_t_digits.py'))
    use_own_coco(cfg, str(data), 'train.json', 'val.json', 'images')
    return cfg


def test_a_sample_of_a_large_data_set(job, data):
    for i in (0, 1):
        (data / f'images/{i}.jpg').unlink()
    (data / 'images/2.jpg').write_text('no picture')
    missing, *_ = check_job(job, Limits(present=3), channels=False)
    assert_contains(missing.text, '2 of 3 images of *train.json (evenly spaced among 4) are missing: ')
    few = check_job(job, Limits(present=2, decoded=1), channels=False)
    assert_contains(few[0].text, '1 of 2 images of *train.json (evenly spaced among 4) are missing: */images/0.jpg')
    assert_contains(
        few[1].text, '1 of 1 images of *train.json (evenly spaced among 4) cannot be decoded: */images/2.jpg'
    )


def test_images_are_looked_at_side_by_side(job, data, monkeypatch):
    """Two looks wait for each other: one by one, neither would end."""
    both, isfile = threading.Barrier(2, timeout=60), os.path.isfile

    def waiting(path):
        if str(path).endswith('.jpg'):
            both.wait()
        return isfile(path)

    monkeypatch.setattr(os.path, 'isfile', waiting)
    assert not check_job(job, channels=False)


def test_samples_say_nothing_of_classes(data):
    """Only a look at all can find that a class has no instance."""
    folder = data / 'classes'
    for name in ('cat', 'dog', 'newt'):
        (folder / name).mkdir(parents=True)
    for name in ('cat', 'dog'):
        (folder / name / '0.jpg').write_bytes((data / 'images/0.jpg').read_bytes())
    cfg = read_config(str(CONFIGS / 'crossformer_t_digits.py'))
    own = dict(type='CustomDataset', data_root=str(folder), pipeline=[])
    cfg.train_dataloader.dataset = cfg.val_dataloader.dataset = own
    texts = [[str(finding) for finding in check_job(cfg, limits, channels=False)] for limits in (Limits(), Limits(1))]
    whole, sample = ([text for text in found if 'have no instance' in text] for found in texts)
    assert len(whole) == 1
    assert 'newt' in whole[0]
    assert not sample


def test_segmentation(call, data):
    """Folders of images and label maps."""
    config, maps = data / 'segment.py', data / 'maps'
    maps.mkdir()
    for i in range(4):
        Image.fromarray(np.full((HEIGHT, WIDTH), i % 2, np.uint8)).save(maps / f'{i}.png')
    config.write_text(
        f"""
_base_ = {str(CONFIGS / 'upernet_crossformer_t_digits.py')!r}
data = dict(
    _delete_=True, type='BaseSegDataset', data_root={str(data)!r}, img_suffix='.jpg', seg_map_suffix='.png',
    data_prefix=dict(img_path='images', seg_map_path='maps'), pipeline=[],
    metainfo=dict(classes=('background', 'cat'), palette=[(0, 0, 0), (1, 1, 1)]),
)
train_dataloader = dict(dataset=data)
val_dataloader = dict(dataset=data)
heads = dict(num_classes=2, loss_decode=dict(class_weight=None))
model = dict(decode_head=heads, auxiliary_head=heads)
"""
    )
    assert call('check', config)[0] == 0
    Image.fromarray(np.full((HEIGHT, WIDTH), 7, np.uint8)).save(maps / '0.png')
    Image.fromarray(np.zeros((WIDTH, HEIGHT), np.uint8)).save(maps / '1.png')
    Image.fromarray(np.zeros((HEIGHT, WIDTH, 3), np.uint8)).save(maps / '2.png')
    (maps / '3.png').unlink()
    code, text = call('check', config)
    assert code == 2
    assert_contains(text, '1 of 4 label maps of * are missing: */3.png')
    assert_contains(
        text, '3 of 3 label maps of * do not fit the 2 classes: */0.png has label 7, */1.png has another size than its'
    )
    assert '2.png has colours, not labels' in text


def test_classification(call, data):
    """A folder for each class."""
    config, folder = data / 'classify.py', data / 'classes'
    for name, pictures in (('cat', 3), ('dog', 1)):
        (folder / name).mkdir(parents=True)
        for i in range(pictures):
            (folder / name / f'{i}.jpg').write_bytes((data / 'images/0.jpg').read_bytes())
    config.write_text(
        f"""
_base_ = {str(CONFIGS / 'crossformer_t_digits.py')!r}
data = dict(_delete_=True, type='CustomDataset', data_root={str(folder)!r}, pipeline=[])
train_dataloader = dict(dataset=data)
val_dataloader = dict(dataset=data)
"""
    )
    (folder / 'dog/0.jpg').write_text('no picture')
    code, text = call('check', config)
    assert code == 2
    assert_contains(text, '1 of 4 images of * cannot be decoded: */dog/0.jpg')
    assert_contains(text, 'model.head (LinearClsHead) has 10 classes, the data set of * has 2 (cat, dog)')


def assert_contains(text, pattern):
    """The parts between the asterisks follow each other in the text."""
    place = 0
    for part in pattern.split('*'):
        place = text.find(part.strip(), place)
        assert place >= 0, f'{part!r} is not in: {text}'
