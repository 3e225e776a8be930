"""What is wrong with a job is told before it starts: faults are planted in small data sets, and each is found."""

import json
import os
import threading
from collections import Counter

import pytest
from checked import assert_contains, coco_of
from mmengine.runner import Runner
from quick import CONFIGS

from mmcrossformer import CrossFormer
from mmcrossformer.config.read import read_config
from mmcrossformer.engine.check import Limits, check_job

pytestmark = pytest.mark.hosts


def test_nothing_is_wrong(check):
    code, text = check()
    assert code == 0, text
    assert 'no errors that would spoil the training' in text
    assert 'error:' not in text
    assert 'warning' not in text


def test_faults_of_images(check, data):
    content = (data / 'images/2.jpg').read_bytes()
    (data / 'images/2.jpg').write_bytes(content[: len(content) // 2])
    (data / 'images/3.jpg').write_text('<html>')
    code, text = check()
    assert code == 2
    assert_contains(
        text,
        '2 of 4 images of * cannot be decoded: */images/2.jpg (image file is truncated *, */images/3.jpg (no image)',
    )
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
    assert_contains(text, 'warning: the learning rate 0.001 was chosen for 64 images a step, this job has 2')
    assert_contains(text, 'by the linear rule it would be 3.125e-05, which --auto-scale-lr sets')
    assert 'learning rate' not in check(*base, 'optim_wrapper.accumulative_counts=32')[1]


def test_train_checks_first(check, data, tmp_path):
    (data / 'images/3.jpg').unlink()
    (data / 'images/2.jpg').write_text('')
    work_dir = tmp_path / 'run'
    code, text = check('--work-dir', work_dir, tool='train')
    assert code == 2
    assert_contains(text, 'the job has errors (--no-check starts it anyway): * are missing: * cannot be decoded:')
    assert [path.name for path in work_dir.iterdir()] == ['preview.html']  # it shows the errors, too


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
    """Up to the first step, beside what the host library reads: data sets, metric and preview their own files."""
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
    assert read == dict(train=1 + 2, val=1 + 2)
    assert len(built) == 1


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
