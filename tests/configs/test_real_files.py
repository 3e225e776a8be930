"""Configs of COCO and ADE20K with files as they are published, on pictures of noise."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from hosts import shrink
from mmengine.registry import DATASETS, METRICS, init_default_scope
from PIL import Image
from quick import CONFIGS, run

from mmcrossformer.config.read import read_config
from mmcrossformer.config.walk import datasets_of, dicts_in
from mmcrossformer.engine.check import check_job

EXCERPTS = Path(__file__).parents[1] / 'data/coco'
FLAGSHIP, PANOPTIC, ADE20K = (
    'mask_rcnn_crossformer_s_coco',
    'mask2former_crossformer_s_coco_panoptic',
    'upernet_crossformer_s_ade20k',
)
PARTS = ('train', 'val')
SMALL = dict(scale=(96, 64), crop_size=(64, 96))  # width x height, height x width


def write_noise(path, width, height):
    pixels = np.random.default_rng(0).integers(0, 255, (height, width, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


def write_segments(path, image, segments):
    """Writes the boxes of segments as a panoptic picture: ids in base 256, red is the lowest digit."""
    ids = np.zeros((image['height'], image['width']), np.uint32)
    for segment in segments:
        x, y, width, height = segment['bbox']
        ids[y : y + height, x : x + width] = segment['id']
    for i, segment in enumerate(segments):  # a box may hide another one
        ids[0, i] = segment['id']
    Image.fromarray(np.stack([ids % 256, ids // 256 % 256, ids // 65536], axis=-1).astype(np.uint8)).save(path)


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    """`data/coco` and `data/ade`, in which a few images are all there is."""
    root = tmp_path_factory.mktemp('root')
    coco, ade = root / 'data/coco', root / 'data/ade/ADEChallengeData2016'
    instances, panoptic = (json.loads((EXCERPTS / f'{kind}.json').read_text()) for kind in ('instances', 'panoptic'))
    images = {image['id']: image for image in instances['images']}
    for part in PARTS:
        (coco / f'{part}2017').mkdir(parents=True)
        (coco / f'annotations/panoptic_{part}2017').mkdir(parents=True)
        for kind in ('instances', 'panoptic'):
            shutil.copy(EXCERPTS / f'{kind}.json', coco / f'annotations/{kind}_{part}2017.json')
        for image in images.values():
            write_noise(coco / f'{part}2017' / image['file_name'], image['width'], image['height'])
        for entry in panoptic['annotations']:
            path = coco / f'annotations/panoptic_{part}2017' / entry['file_name']
            write_segments(path, images[entry['image_id']], entry['segments_info'])
        folder = dict(train='training', val='validation')[part]
        (ade / 'images' / folder).mkdir(parents=True)
        (ade / 'annotations' / folder).mkdir(parents=True)
        for i in (1, 2):
            write_noise(ade / 'images' / folder / f'ADE_{part}_{i:08}.jpg', 683, 512)
            labels = np.arange(683 * 512).reshape(512, 683) // 1500 % 151  # 0 is what belongs to no class
            Image.fromarray(labels.astype(np.uint8)).save(ade / 'annotations' / folder / f'ADE_{part}_{i:08}.png')
    return root


@pytest.fixture
def config(root, monkeypatch):
    """Reads a config of the package in the folder that has `data`."""
    monkeypatch.chdir(root)

    def read(name):
        cfg = read_config(str(CONFIGS / f'{name}.py'))
        init_default_scope(cfg.default_scope)
        return cfg

    return read


@pytest.mark.parametrize('name', [FLAGSHIP, PANOPTIC, ADE20K])
def test_the_check_finds_no_error(name, config):
    errors = [finding.text for finding in check_job(config(name), channels=False) if not finding.warning]
    assert [text for text in errors if 'panopticapi' not in text] == []  # it is in no package index


def test_instances_keep_their_classes_and_crowds(config):
    """There are gaps in the ids of categories, crowds are RLE, and an image without objects is not trained on."""
    coco = json.loads((EXCERPTS / 'instances.json').read_text())
    names = {category['id']: category['name'] for category in coco['categories']}
    assert max(names) == 90
    assert len(names) == 80
    assert sum(entry['iscrowd'] for entry in coco['annotations']) == 1
    for part, count in (('train', 3), ('val', 4)):
        data = DATASETS.build(config(FLAGSHIP)[f'{part}_dataloader'].dataset)
        assert len(data) == count
        for i in range(count):
            info = data.get_data_info(i)
            entries = [entry for entry in coco['annotations'] if entry['image_id'] == info['img_id']]
            found = [(data.metainfo['classes'][x['bbox_label']], x['ignore_flag']) for x in info['instances']]
            assert found == [(names[entry['category_id']], entry['iscrowd']) for entry in entries]
            sample = data[i]['data_samples']
            assert len(sample.gt_instances.masks) == len(entries) - sum(entry['iscrowd'] for entry in entries)


def test_right_predictions_are_all_right(config):
    coco = json.loads((EXCERPTS / 'instances.json').read_text())
    cfg = config(FLAGSHIP)
    data = DATASETS.build(cfg.val_dataloader.dataset)
    metric = METRICS.build(dict(cfg.val_evaluator, metric='bbox'))
    metric.dataset_meta = data.metainfo
    for info in map(data.get_data_info, range(len(data))):
        objects = [x for x in info['instances'] if not x['ignore_flag']]
        boxes = np.array([x['bbox'] for x in objects]).reshape(-1, 4)
        labels, scores = np.array([x['bbox_label'] for x in objects]), np.ones(len(objects))
        prediction = dict(img_id=info['img_id'], bboxes=boxes, labels=labels, scores=scores)
        metric.results.append((dict(width=info['width'], height=info['height']), prediction))
    assert metric.evaluate(len(coco['images']))['coco/bbox_mAP'] == 1


def test_label_0_of_ade20k_is_ignored(config):
    sample = DATASETS.build(config(ADE20K).val_dataloader.dataset)[0]['data_samples']
    assert set(sample.gt_sem_seg.data.unique().tolist()) == {*range(150), 255}


@pytest.mark.parametrize(
    ('name', 'metric'), [(FLAGSHIP, 'coco/segm_mAP'), (PANOPTIC, 'coco_panoptic/PQ'), (ADE20K, 'mIoU')]
)
def test_two_steps_and_an_evaluation(name, metric, config, tmp_path):
    if name == PANOPTIC:
        pytest.importorskip('panopticapi')  # is in no package index
    cfg = config(name)
    shrink(cfg)
    if name == FLAGSHIP:
        cfg.model.test_cfg.rcnn.update(score_thr=0, max_per_img=5)  # after two steps no score is high
    for part in PARTS:
        loader = cfg[f'{part}_dataloader']
        loader.update(num_workers=0, persistent_workers=False, batch_size=2 if part == 'train' else 1)
        for settings in datasets_of(loader):
            settings.indices = 3
            for step in dicts_in(settings.pipeline):
                step.update({key: size for key, size in SMALL.items() if key in step})
    cfg.train_cfg = dict(type='IterBasedTrainLoop', max_iters=2, val_interval=2)
    cfg.param_scheduler = []
    cfg.default_hooks.checkpoint.update(interval=2, by_epoch=False)
    cfg.log_processor = dict(by_epoch=False)
    cfg.custom_hooks = []
    cfg.dump(tmp_path / f'{name}.py')
    trained = run('train', tmp_path / f'{name}.py', '--work-dir', tmp_path / 'run')
    assert trained.returncode == 0, trained.stderr[-3000:]
    assert f'{metric}: ' in trained.stdout + trained.stderr
    assert (tmp_path / 'run/iter_2.pth').is_file()
