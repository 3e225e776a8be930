"""The configs of docs/own_config.md, as users would write them down; tests/docs/test_docs.py reads them, too."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from hosts import check_predictions, num_classes, shrink, step_and_predict
from mmengine.optim import build_optim_wrapper
from mmengine.registry import MODELS, init_default_scope
from pages import ROOT, blocks_of
from quick import run

from mmcrossformer import CrossFormer
from mmcrossformer.apis.complexity import analyze
from mmcrossformer.config.channels import check_channels
from mmcrossformer.config.read import read_config
from mmcrossformer.utils.errors import UserError

BLOCKS = {Path(block.config).stem: block.code for block in blocks_of(ROOT / 'docs/own_config.md') if block.config}
ARCH = dict(embed_dims=16, depths=(1, 1, 1, 1), num_heads=(1, 2, 4, 8))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with the blocks of the page as files and our configs, as a user has it."""
    (tmp_path / 'configs').symlink_to(ROOT / 'configs')
    for name, block in BLOCKS.items():
        (tmp_path / f'{name}.py').write_text(block)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_page_has_all_of_them():
    assert list(BLOCKS) == ['mask_rcnn', 'upernet', 'classifier', 'mask_rcnn_pvtv2', 'voc', 'segments', 'fine_tuning']


@pytest.mark.hosts
@pytest.mark.parametrize('name', ['mask_rcnn', 'upernet', 'classifier'])
def test_step_and_prediction(folder, name):
    cfg = read_config(f'{name}.py')
    shrink(cfg)
    assert cfg.optim_wrapper.optimizer.type == 'AdamW'
    predictions = step_and_predict(cfg, 64, 96)
    check_predictions(cfg.default_scope, predictions, 64, 96, num_classes(cfg.model))


@pytest.mark.usefixtures('zero_weights')
def test_parts(folder):
    """Neck and heads take the maps of a backbone of a host library."""
    counted = {cost.part: cost for cost in analyze(read_config('mask_rcnn_pvtv2.py'), 64, 96)}
    assert counted['backbone'].params == pytest.approx(25e6, rel=0.02)
    assert all(cost.ran for cost in counted.values())


def test_fine_tuning(folder):
    cfg = read_config('fine_tuning.py')
    init_default_scope('mmdet')
    shrink(cfg)
    model = MODELS.build(cfg.model)
    groups = build_optim_wrapper(model, cfg.optim_wrapper).param_groups
    trained = {id(parameter) for group in groups for parameter in group['params']}
    assert not any(id(parameter) in trained for parameter in model.backbone.stages[0].parameters())
    assert all(id(parameter) in trained for parameter in model.backbone.stages[1].parameters())
    assert min(group['lr'] for group in groups) < 0.5 * max(group['lr'] for group in groups)


def photographs(folder, names):
    folder.mkdir(parents=True)
    for name in names:
        picture = np.full((60, 80, 3), 200, np.uint8)
        picture[10:40, 20:50] = 90
        cv2.imwrite(str(folder / f'{name}.jpg'), picture)


def train_and_test(name, *settings):
    """Runs both tools on a config made small; returns the metrics' text."""
    Path('small.py').write_text(
        f'_base_ = "./{name}.py"\nmodel = dict(backbone=dict(arch=dict(_delete_=True, **{ARCH!r})))\n'
    )
    options = ['--cfg-options', *settings, 'train_dataloader.num_workers=0', 'val_dataloader.num_workers=0']
    options += ['train_dataloader.persistent_workers=False', 'val_dataloader.persistent_workers=False']
    options += ['test_dataloader.num_workers=0', 'test_dataloader.persistent_workers=False']
    trained = run('train', 'small.py', '--work-dir', 'run', *options)
    assert trained.returncode == 0, trained.stderr[-3000:]
    tested = run('test', 'small.py', Path('run/last_checkpoint').read_text(), '--work-dir', 'run', *options)
    assert tested.returncode == 0, tested.stderr[-3000:]
    return Path('run/metrics.json').read_text()


def test_voc_format(folder):
    data = folder / 'data/mine'
    photographs(data / 'JPEGImages', 'abcd')
    (data / 'Annotations').mkdir()
    (data / 'ImageSets/Main').mkdir(parents=True)
    for name, label in zip('abcd', ['red', 'white'] * 2, strict=True):
        box = '<bndbox><xmin>20</xmin><ymin>10</ymin><xmax>50</xmax><ymax>40</ymax></bndbox>'
        size = '<size><width>80</width><height>60</height><depth>3</depth></size>'
        thing = f'<object><name>{label}</name><difficult>0</difficult>{box}</object>'
        (data / 'Annotations' / f'{name}.xml').write_text(f'<annotation>{size}{thing}</annotation>')
    (data / 'ImageSets/Main/train.txt').write_text('a\nb\n')
    (data / 'ImageSets/Main/val.txt').write_text('c\nd\n')
    channels = 'model.neck.in_channels=[16,32,64,128]'
    metrics = train_and_test('voc', channels, 'train_cfg.max_epochs=1', 'train_dataloader.batch_size=2')
    assert 'pascal_voc/mAP' in metrics


def test_folders_of_segments(folder):
    data = folder / 'data/mine'
    for part in ('train', 'val'):
        photographs(data / 'images' / part, 'ab')
        (data / 'masks' / part).mkdir(parents=True)
        for name in 'ab':
            mask = np.zeros((60, 80), np.uint8)
            mask[10:40, 20:50] = 1
            cv2.imwrite(str(data / 'masks' / part / f'{name}.png'), mask)
    settings = ['model.decode_head.in_channels=[16,32,64,128]', 'model.auxiliary_head.in_channels=64']
    settings += ['model.decode_head.channels=32', 'model.auxiliary_head.channels=16', 'train_cfg.max_iters=1']
    settings += ['train_cfg.val_interval=1', 'default_hooks.checkpoint.interval=1']
    assert 'mIoU' in train_and_test('segments', *settings)


def test_wrong_channels_are_told(folder, quick):
    """By our tool, before torch says something about the size of a weight."""
    result = run(
        'train', quick('mask_rcnn_crossformer_t_digits'), '--cfg-options', 'model.neck.in_channels=[256,512,1024,2048]'
    )
    assert result.returncode == 2
    right = 'CrossFormer returns maps of [16, 32, 64, 128] channels: set model.neck.in_channels=[16, 32, 64, 128]'
    assert right in result.stderr
    wrong = ['--cfg-options', 'model.auxiliary_head.in_channels=256']
    result = run('train', quick('upernet_crossformer_t_digits'), *wrong)
    assert result.returncode == 2
    assert 'set model.auxiliary_head.in_channels=64' in result.stderr


@pytest.mark.parametrize(
    ('settings', 'message'),
    [
        (dict(neck=dict(in_channels=[64, 128, 256, 512])), None),
        (dict(neck=dict(type='GlobalAveragePooling'), head=dict(in_channels=512)), None),
        (dict(neck=dict(type='GlobalAveragePooling'), head=dict(in_channels=768)), r'head\.in_channels=512'),
        (dict(decode_head=dict(in_channels=[128, 512], in_index=[1, 3])), None),
        (dict(decode_head=dict(in_channels=512, in_index=2)), r'decode_head\.in_channels=256'),
        (
            dict(decode_head=dict(in_channels=512), auxiliary_head=dict(in_channels=64, in_index=1), neck=None),
            r'auxiliary_head\.in_channels=128',
        ),
        (dict(neck=dict(type='YOLOV3Neck', in_channels=[512, 256, 128, 64])), None),
        (
            dict(decode_head=dict(in_channels=[64, 128, 256, 512]), auxiliary_head=[dict(in_channels=64, in_index=1)]),
            r'auxiliary_head\.0\.in_channels=128',
        ),
        (dict(neck=[dict(type='FPN')], decode_head=dict(in_channels=[32] * 4)), None),
        (dict(neck=[dict(type='GlobalAveragePooling'), dict(type='LinearNeck')], head=dict(in_channels=128)), None),
        (
            dict(panoptic_head=dict(in_channels=[96, 192, 384, 768])),
            r'panoptic_head\.in_channels=\[64, 128, 256, 512\]',
        ),
    ],
)
def test_channels_of_every_taker(settings, message):
    backbone = CrossFormer('tiny')
    if message is None:
        check_channels(settings, backbone)
    else:
        with pytest.raises(UserError, match=f'CrossFormer returns maps of .* set model.{message}'):
            check_channels(settings, backbone)


def test_index_behind_the_last_map():
    backbone = CrossFormer('tiny', out_indices=(1, 2, 3))
    with pytest.raises(UserError, match=r'decode_head\.in_index is \[0, 3\], but CrossFormer returns 3 maps'):
        check_channels(dict(decode_head=dict(in_channels=[64, 512], in_index=[0, 3])), backbone)
