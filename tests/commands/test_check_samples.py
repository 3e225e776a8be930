"""A few images pass through the pipelines before training starts."""

import numpy as np
import pytest
from checked import assert_contains, findings_of, only
from mmengine.config import Config
from PIL import Image
from quick import CONFIGS

from mmcrossformer.config.read import read_config
from mmcrossformer.engine.check import Limits, check_job

SIDE = 32
LOAD = dict(type='LoadImageFromFile')
SHRINK = dict(type='Resize', scale=(16, 16))
LABELS = dict(type='LoadAnnotations')
BOXES = dict(type='LoadAnnotations', with_bbox=True)
PACK_BOXES = dict(type='PackDetInputs')
PACK_MAPS = dict(type='PackSegInputs')
PACK = dict(type='PackInputs')


@pytest.fixture
def folder(tmp_path):
    """Images of two classes and a label map for each image."""
    labels = np.zeros((SIDE, SIDE), np.uint8)
    labels[:9] = 1
    noise = np.random.default_rng(0)
    for part in ('train', 'val'):
        for kind in ('cat', 'dog'):
            for name in (part, 'maps'):
                (tmp_path / name / kind).mkdir(parents=True, exist_ok=True)
            pixels = noise.integers(0, 255, (SIDE, SIDE, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / part / kind / '0.png')
            Image.fromarray(labels).save(tmp_path / 'maps' / kind / '0.png')
    return tmp_path


@pytest.fixture
def segmenter(folder):
    """A segmenter that validates after its training."""
    cfg = read_config(str(CONFIGS / 'upernet_crossformer_t_digits.py'))
    for part in ('train', 'val'):
        steps = [LOAD, LABELS, SHRINK, PACK_MAPS] if part == 'train' else [LOAD, SHRINK, LABELS, PACK_MAPS]
        prefix = dict(img_path=part, seg_map_path='maps')
        cfg[f'{part}_dataloader'].batch_size = 2
        cfg[f'{part}_dataloader'].dataset = dict(
            type='BaseSegDataset',
            data_root=str(folder),
            img_suffix='.png',
            data_prefix=prefix,
            metainfo=dict(classes=('ground', 'cat')),
            pipeline=steps,
        )
    cfg.model.decode_head.update(num_classes=2, loss_decode=dict(class_weight=None))
    cfg.model.auxiliary_head.update(num_classes=2, loss_decode=dict(class_weight=None))
    return cfg


@pytest.fixture
def classifier(folder):
    """A classifier that validates after each epoch."""
    cfg = read_config(str(CONFIGS / 'crossformer_t_digits.py'))
    for part in ('train', 'val'):
        cfg[f'{part}_dataloader'].batch_size = 2
        data = dict(type='CustomDataset', data_root=str(folder), data_prefix=part, pipeline=[LOAD, PACK])
        cfg[f'{part}_dataloader'].dataset = data
    cfg.model.head.num_classes = 2
    return cfg


def set_steps(cfg, part, *steps):
    cfg[f'{part}_dataloader'].dataset.pipeline = [Config(step)._cfg_dict for step in steps]


def test_nothing_is_wrong(job, mask_job, segmenter, classifier):
    assert findings_of(job) == findings_of(mask_job) == findings_of(segmenter) == findings_of(classifier) == []


def test_steps_that_cannot_be_built_or_fail(classifier):
    set_steps(classifier, 'train', LOAD, dict(type='Resise', scale=8), PACK)
    only(classifier, 'error: step 1 of the pipeline of train_dataloader, Resise, cannot be built: Resise')
    set_steps(classifier, 'train', LOAD, PACK)
    set_steps(classifier, 'val', LOAD, dict(type='CenterCrop', crop_size=8, backend='no'), PACK)
    only(classifier, 'error: step 1 of the pipeline of val_dataloader, CenterCrop, cannot be built: ')
    set_steps(classifier, 'val', LOAD, dict(type='Normalize', mean=[1, 2], std=[1, 2]), PACK)
    only(classifier, 'error: step 1 of the pipeline of val_dataloader, Normalize, fails with */cat/0.png: ')


def test_images_that_are_not_packed(job, segmenter, classifier):
    set_steps(job, 'train', LOAD, BOXES)
    only(job, "error: the pipeline of train_dataloader gives no inputs * end it with dict(type='PackDetInputs')")
    set_steps(segmenter, 'val', LOAD, LABELS)
    only(segmenter, "error: the pipeline of val_dataloader gives no inputs * end it with dict(type='PackSegInputs')")
    set_steps(classifier, 'train', PACK)
    only(classifier, "error: the pipeline of train_dataloader gives no * begin it with dict(type='LoadImageFromFile')")


def test_annotations_that_are_not_loaded(job, mask_job, segmenter):
    set_steps(job, 'train', LOAD, PACK_BOXES)
    only(job, 'error: * gives no labels, bboxes, * LoadAnnotations * with_label=True, with_bbox=True')
    set_steps(mask_job, 'train', LOAD, BOXES, PACK_BOXES)
    only(mask_job, 'error: the pipeline of train_dataloader gives no masks, * with_mask=True')
    set_steps(segmenter, 'train', LOAD, PACK_MAPS)
    only(segmenter, "error: the pipeline of train_dataloader gives no label map: put dict(type='LoadAnnotations')")
    set_steps(segmenter, 'train', LOAD, LABELS, PACK_MAPS)
    set_steps(segmenter, 'val', LOAD, PACK_MAPS)
    only(segmenter, 'error: the pipeline of val_dataloader gives no label map: ')
    # Pictures of predictions need none.
    segmenter.val_evaluator.format_only = True
    only(segmenter, 'warning: val_evaluator (IoUMetric) has format_only=True')


@pytest.mark.parametrize('step', [SHRINK, dict(type='RandomFlip', prob=0.0)], ids=lambda step: step['type'])
def test_annotations_behind_steps_that_should_change_them(step, job, segmenter):
    set_steps(job, 'train', LOAD, step, BOXES, PACK_BOXES)
    assert_contains(
        findings_of(job)[-1],
        'error: the pipeline of train_dataloader has LoadAnnotations behind steps that resize or flip',
    )
    set_steps(segmenter, 'train', LOAD, step, LABELS, PACK_MAPS)
    only(segmenter, 'error: the pipeline of train_dataloader has LoadAnnotations behind steps that resize or flip')


def test_steps_that_keep_the_image_where_it_is(segmenter):
    same = dict(type='Resize', scale=(SIDE, SIDE))
    set_steps(segmenter, 'train', LOAD, same, dict(type='PhotoMetricDistortion'), LABELS, PACK_MAPS)
    assert findings_of(segmenter) == []


def test_label_maps_that_validation_resizes(segmenter):
    set_steps(segmenter, 'val', LOAD, LABELS, SHRINK, PACK_MAPS)
    only(segmenter, 'error: the pipeline of val_dataloader resizes label maps (16 x 16 pixels, not 32 x 32) * behind')


def test_what_predictions_need(job):
    keys = ('img_id', 'img_path', 'img_shape')
    set_steps(job, 'val', LOAD, SHRINK, dict(PACK_BOXES, meta_keys=keys))
    only(job, 'error: the pipeline of val_dataloader gives no ori_shape, scale_factor, * add them to meta_keys')
    set_steps(job, 'val', LOAD, SHRINK, dict(PACK_BOXES, meta_keys=(*keys, 'ori_shape', 'scale_factor')))
    assert findings_of(job) == []


def test_images_of_several_sizes(folder, segmenter, classifier):
    Image.new('RGB', (40, 20), 'red').save(folder / 'train/cat/0.png')
    text = 'error: images of train_dataloader cannot be made a batch of 2 by * with height x width 20 x 40, 32 x 32: *'
    only(classifier, text)
    set_steps(classifier, 'train', LOAD, SHRINK, PACK)
    assert findings_of(classifier) == []
    segmenter.val_dataloader = segmenter.val_evaluator = segmenter.val_cfg = None  # of the same maps
    Image.new('L', (40, 20), 1).save(folder / 'maps/cat/0.png')
    set_steps(segmenter, 'train', LOAD, LABELS, PACK_MAPS)
    assert findings_of(segmenter) == []  # its preprocessor pads to one size
    segmenter.model.data_preprocessor.size = None
    only(segmenter, text + 'set size in model.data_preprocessor')


def test_images_that_are_normalized_twice(classifier):
    set_steps(classifier, 'train', LOAD, dict(type='Normalize', mean=[0, 0, 0], std=[255, 255, 255]), PACK)
    only(
        classifier, 'warning: the pipeline of train_dataloader gives values from 0 to * Normalize in one of both places'
    )
    classifier.data_preprocessor.update(mean=None, std=None)
    assert findings_of(classifier) == []


def test_means_on_another_scale(classifier):
    classifier.data_preprocessor.update(mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225])
    first, _ = findings_of(classifier)
    assert_contains(
        first, 'warning: images of train_dataloader have values up to 1* set mean and std on the scale of 0'
    )
    # Models that were trained by Caffe take values of that scale.
    classifier.data_preprocessor.update(mean=[103.53, 116.28, 123.675], std=[1, 1, 1], to_rgb=False)
    assert findings_of(classifier) == []


def test_as_few_images_as_are_asked_for(folder, classifier):
    (folder / 'train/dog/0.png').write_bytes(b'broken')
    assert [str(finding) for finding in check_job(classifier, Limits(decoded=1), channels=False)] == []
