"""Every config: its name, its channels, one training step and one prediction."""

import re
from pathlib import Path

import pytest
from hosts import channels_of, check_predictions, num_classes, shrink, step_and_predict
from mmengine.config import Config

from mmcrossformer.engine.job import unsync_norms

CONFIGS = sorted(Path(__file__).parent.parent.glob('configs/*.py'))
NAME = re.compile(
    r'((mask_rcnn|retinanet|upernet|semantic_fpn)_)?crossformer(pp)?_[tsblh](_[a-z0-9]+)?_(coco|ade20k|imagenet|digits)'
)
SIZES = dict(t='tiny', s='small', b='base', l='large', h='huge')


@pytest.fixture(params=CONFIGS, ids=[path.stem for path in CONFIGS])
def config(request):
    return request.param


def test_name_says_what_it_is(config):
    match = NAME.fullmatch(config.stem)
    assert match, config.stem
    cfg = Config.fromfile(config)
    method, pp, dataset = match[2], match[3], match[5]
    size = re.search(r'crossformer(?:pp)?_([tsblh])', config.stem)[1]
    assert cfg.model.backbone.arch == ('pp-' if pp else '') + SIZES[size]
    expected = dict(
        mask_rcnn='MaskRCNN', retinanet='RetinaNet', upernet='EncoderDecoder', semantic_fpn='EncoderDecoder'
    )
    assert cfg.model.type == expected.get(method, 'ImageClassifier')
    classes = dict(coco=80, ade20k=150, imagenet=1000, digits=11 if method == 'upernet' else 10)
    assert num_classes(cfg.model) == classes[dataset]


def test_channels_fit_the_backbone(config):
    model = Config.fromfile(config).model
    channels = channels_of(model.backbone)
    if model.type == 'ImageClassifier':
        assert model.head.in_channels == channels[3]
        return
    if 'neck' in model:
        assert model.neck.in_channels == channels
    else:
        assert model.decode_head.in_channels == channels
    if 'auxiliary_head' in model:
        assert model.auxiliary_head.in_channels == channels[model.auxiliary_head.in_index]


def test_dense_tasks_use_the_published_groups(config):
    cfg = Config.fromfile(config)
    if cfg.model.type != 'ImageClassifier' and not config.stem.endswith('digits'):
        assert tuple(cfg.model.backbone.group_size) == (7, 7, 7, 7)
        assert tuple(cfg.model.backbone.interval) == (8, 4, 2, 1)


def test_step_and_prediction(config):
    cfg = Config.fromfile(config)
    shrink(cfg)
    unsync_norms(cfg.model)
    if cfg.default_scope == 'mmseg':
        cfg.model.data_preprocessor.size = (64, 96)
    if cfg.default_scope == 'mmpretrain':
        cfg.model.data_preprocessor = dict(cfg.data_preprocessor, type='ClsDataPreprocessor')
    predictions = step_and_predict(cfg, 64, 96)
    check_predictions(cfg.default_scope, predictions, 64, 96, num_classes(cfg.model))


def test_recipes():
    """The figures of the published recipes."""
    folder = CONFIGS[0].parent
    coco = Config.fromfile(folder / 'mask_rcnn_crossformer_s_coco.py')
    assert coco.optim_wrapper.optimizer == dict(type='AdamW', lr=1e-4, betas=(0.9, 0.999), weight_decay=1e-4)
    assert 'clip_grad' not in coco.optim_wrapper
    assert coco.param_scheduler[0] == dict(type='LinearLR', start_factor=0.001, by_epoch=False, begin=0, end=500)
    assert (coco.param_scheduler[1].milestones, coco.train_cfg.max_epochs) == ([8, 11], 12)
    assert coco.train_dataloader.batch_size * 8 == coco.auto_scale_lr.base_batch_size == 16
    retina = Config.fromfile(folder / 'retinanet_crossformer_s_coco.py')
    assert (retina.model.neck.start_level, retina.model.neck.add_extra_convs) == (1, 'on_input')
    upernet = Config.fromfile(folder / 'upernet_crossformer_s_ade20k.py')
    assert upernet.optim_wrapper.optimizer == dict(type='AdamW', lr=6e-5, betas=(0.9, 0.999), weight_decay=0.01)
    assert upernet.optim_wrapper.paramwise_cfg.norm_decay_mult == 0
    assert (upernet.train_cfg.max_iters, upernet.param_scheduler[0].end) == (160000, 1500)
    fpn = Config.fromfile(folder / 'semantic_fpn_crossformer_s_ade20k.py')
    assert (fpn.train_cfg.max_iters, fpn.param_scheduler[0].power) == (80000, 0.9)
    assert dict(type='ResizeToMultiple', size_divisor=32) in fpn.test_dataloader.dataset.pipeline
    imagenet = Config.fromfile(folder / 'crossformer_s_imagenet.py')
    assert imagenet.optim_wrapper.clip_grad.max_norm == 5
    assert imagenet.param_scheduler[0].start_factor * imagenet.optim_wrapper.optimizer.lr == pytest.approx(5e-7)
    assert imagenet.param_scheduler[1].eta_min == 5e-6
    assert imagenet.train_dataloader.batch_size * 8 == 1024
