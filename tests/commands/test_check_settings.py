"""Settings that contradict each other are reported before training starts."""

import json

import pytest
from checked import assert_contains, single
from mmengine.config import Config
from quick import CONFIGS

from mmcrossformer.config.own_data import use_own_coco
from mmcrossformer.config.read import read_config
from mmcrossformer.engine.check.settings import check_settings
from mmcrossformer.engine.runner import check_data

pytestmark = pytest.mark.hosts

EPOCHS = dict(type='EpochBasedTrainLoop', max_epochs=12, val_interval=1)
ITERATIONS = dict(type='IterBasedTrainLoop', max_iters=600, val_interval=100)
SAVING = dict(type='mmcrossformer.AtomicCheckpointHook', interval=1)
BY_ITERATION = dict(
    train_cfg=ITERATIONS,
    log_processor=dict(by_epoch=False),
    default_hooks=dict(
        checkpoint=dict(SAVING, by_epoch=False, interval=100), logger=dict(type='LoggerHook', log_metric_by_epoch=False)
    ),
)
BY_EPOCH = dict(train_cfg=EPOCHS, default_hooks=dict(checkpoint=SAVING))
VALIDATION = dict(val_dataloader=dict(dataset={}), val_cfg=dict(type='ValLoop'))


def check(*settings, scope='mmdet', model=None, **more):
    """Returns the texts of the findings; later settings replace earlier ones."""
    cfg = dict(default_scope=scope, model=model or dict(backbone={}))
    for part in (*settings, more):
        cfg |= part
    return [str(finding) for finding in check_settings(Config(cfg))]


def test_nothing_is_wrong():
    assert check(BY_EPOCH) == check(BY_ITERATION) == []
    # Loops of other libraries are not known.
    assert check(BY_ITERATION, train_cfg=dict(type='TheirLoop'), param_scheduler=dict(type='PolyLR')) == []


def hooks(**changes):
    return dict(BY_ITERATION['default_hooks'], **changes)


def test_checkpoints_by_epoch_in_a_training_by_iterations():
    text = single(check(BY_ITERATION, default_hooks=hooks(checkpoint=SAVING)))
    assert text.startswith('error: default_hooks.checkpoint counts epochs, and training counts iterations')
    assert 'nothing is saved before the end. Set default_hooks.checkpoint.by_epoch=False and ' in text
    assert text.endswith('default_hooks.checkpoint.interval=100')
    # So does mmengine's own hook, where the config has none, and one of the user.
    without = {name: hook for name, hook in hooks().items() if name != 'checkpoint'}
    assert 'default_hooks.checkpoint counts epochs' in single(check(BY_ITERATION, default_hooks=without))
    assert 'custom_hooks.0 counts epochs' in single(check(BY_ITERATION, custom_hooks=[SAVING]))
    assert check(BY_ITERATION, default_hooks=hooks(checkpoint=None)) == []


def test_intervals_of_checkpoints():
    rare = dict(SAVING, interval=20)
    text = single(check(BY_EPOCH, default_hooks=dict(checkpoint=rare)))
    assert text.startswith('warning: default_hooks.checkpoint saves every 20 epochs, training ends after 12: the only')
    text = single(check(BY_EPOCH, default_hooks=dict(checkpoint=dict(rare, save_last=False))))
    assert text.startswith('error: ')
    assert 'save_last is False: nothing is saved' in text
    often = dict(SAVING, by_epoch=False)
    assert 'saves after every iteration' in single(check(BY_EPOCH, default_hooks=dict(checkpoint=often)))
    assert 'saves after every iteration' in single(check(BY_ITERATION, default_hooks=hooks(checkpoint=often)))
    # Iterations in a training by epochs are in order.
    assert check(BY_EPOCH, default_hooks=dict(checkpoint=dict(often, interval=16000))) == []


def test_logs_by_epoch_in_a_training_by_iterations():
    text = single(check(BY_ITERATION, default_hooks=hooks(logger=dict(type='LoggerHook')), log_processor={}))
    assert text.startswith('warning: training counts iterations, and its log counts epochs')
    assert text.endswith('set log_processor.by_epoch=False and default_hooks.logger.log_metric_by_epoch=False')


def test_hooks_and_validation_that_never_begin():
    average = dict(type='EMAHook', begin_epoch=20)
    assert 'after 20 epochs, which this training does not reach' in single(check(BY_EPOCH, custom_hooks=[average]))
    assert 'begin_epoch=0 and begin_iter' in single(check(BY_ITERATION, custom_hooks=[average]))
    late = dict(type='EMAHook', begin_iter=600)
    assert 'after 600 iterations, and training ends after 600' in single(check(BY_ITERATION, custom_hooks=[late]))
    assert check(BY_EPOCH, custom_hooks=[dict(average, begin_epoch=11)]) == []
    begin = dict(EPOCHS, val_begin=13)
    assert 'nothing is validated' in single(check(BY_EPOCH, VALIDATION, train_cfg=begin))


@pytest.mark.parametrize(
    ('settings', 'scheduler', 'message'),
    [
        # Counts.
        (
            BY_ITERATION,
            dict(type='MultiStepLR', milestones=[4]),
            'error: param_scheduler.0 (MultiStepLR) counts epochs',
        ),
        (BY_ITERATION, dict(type='PolyLR', convert_to_iter_based=True, end=5), None),
        (BY_EPOCH, dict(type='LinearLR', by_epoch=False, end=500), None),
        # Beyond the end of training.
        (
            BY_EPOCH,
            dict(type='PolyLR', end=36),
            'warning: param_scheduler.0 (PolyLR) ends after 36 epochs, and training',
        ),
        (BY_EPOCH, dict(type='CosineAnnealingLR', T_max=36), 'the rate does not get to its end'),
        (BY_ITERATION, dict(type='LinearLR', by_epoch=False, end=1500), 'Set param_scheduler.0.end=600'),
        (
            BY_EPOCH,
            dict(type='MultiStepLR', milestones=[8, 27, 33], end=36),
            'changes the rate at 27, 33, and ends after',
        ),
        (BY_EPOCH, dict(type='MultiStepLR', milestones=[8, 11], end=12), None),
        # Before it.
        (BY_EPOCH, dict(type='PolyLR', end=6), 'error: param_scheduler.0 (PolyLR) ends after 6 epochs'),
        (BY_EPOCH, dict(type='PolyLR', end=6), 'the rate stays 0, and nothing is learned, from there on'),
        (BY_EPOCH, dict(type='PolyLR', end=6, eta_min=1e-6), 'warning: param_scheduler.0 (PolyLR) ends after 6 epochs'),
        (BY_EPOCH, dict(type='MultiStepLR', milestones=[8], end=10), None),
    ],
)
def test_schedules(settings, scheduler, message):
    texts = check(settings, param_scheduler=[scheduler])
    if message is None:
        assert texts == []
    else:
        assert message in single(texts)


def test_schedules_that_follow_each_other():
    first, second = dict(type='CosineAnnealingLR', end=6), dict(type='ConstantLR', begin=6, end=12)
    assert check(BY_EPOCH, param_scheduler=[first, second]) == []
    # One for each optimizer.
    text = single(check(BY_EPOCH, param_scheduler=dict(generator=[dict(type='PolyLR', end=36)])))
    assert text.startswith('warning: param_scheduler.generator.0 (PolyLR) ends after 36')


@pytest.mark.parametrize(
    ('evaluator', 'metric', 'names'),
    [
        (dict(type='CocoMetric', metric=['bbox', 'segm']), 'coco/segm_mAP_50', None),
        (dict(type='CocoMetric'), 'coco/segm_mAP', 'coco/bbox_mAP'),
        (dict(type='CocoMetric'), 'bbox_mAP', 'coco/bbox_mAP'),
        (dict(type='CocoMetric', prefix='own'), 'own/bbox_mAP', None),
        (dict(type='IoUMetric'), 'mIoU', None),
        (dict(type='IoUMetric'), 'mDice', 'aAcc'),
        (dict(type='IoUMetric', iou_metrics=['mIoU', 'mDice']), 'mDice', None),
        (dict(type='Accuracy', topk=(1, 5)), 'accuracy/top5', None),
        (dict(type='Accuracy'), 'accuracy/top5', 'accuracy/top1'),
        (dict(type='Accuracy'), 'auto', None),
        (dict(type='TheirMetric'), 'theirs', None),
        ([dict(type='IoUMetric'), dict(type='TheirMetric')], 'theirs', None),
    ],
)
@pytest.mark.parametrize('hook', ['CheckpointHook', 'BestHook', 'EarlyStoppingHook', 'PatienceHook'])
def test_metrics_of_hooks(evaluator, metric, names, hook):
    if hook == 'CheckpointHook':
        changes = dict(default_hooks=dict(checkpoint=dict(SAVING, save_best=metric)))
    else:
        changes = dict(custom_hooks=[{'type': hook, 'metric' if hook == 'BestHook' else 'monitor': metric}])
    texts = check(BY_EPOCH, VALIDATION, changes, val_evaluator=evaluator)
    if names is None:
        assert texts == []
    else:
        assert f'is {metric}, which val_evaluator does not report: it reports names such as {names}' in single(texts)
    without = check(BY_EPOCH, changes)
    assert 'the config has no validation that reports metrics' in single(without)
    assert without[0].startswith('warning')


def test_best_weights_without_a_known_metric():
    changes = dict(custom_hooks=[dict(type='mmcrossformer.BestHook')])
    text = single(check(BY_EPOCH, VALIDATION, changes, val_evaluator=dict(type='TheirMetric')))
    assert text.startswith('warning: custom_hooks.0 writes no best.pth: the main metric of val_evaluator is not known')
    for known in ('mmcrossformer.FasterCocoMetric', 'CocoMetric', 'IoUMetric', 'Accuracy'):
        assert check(BY_EPOCH, VALIDATION, changes, val_evaluator=dict(type=known)) == []
    assert check(BY_EPOCH, changes) == []


def test_an_evaluator_that_only_writes_files():
    evaluator = dict(type='CocoMetric', ann_file='val.json', format_only=True)
    text = single(check(BY_ITERATION, VALIDATION, val_evaluator=evaluator))
    assert text.startswith('warning: val_evaluator (CocoMetric) has format_only=True')


def test_rates_that_fall_with_a_metric():
    scheduler = dict(type='ReduceOnPlateauLR')
    text = single(check(BY_EPOCH, VALIDATION, val_evaluator=dict(type='IoUMetric'), param_scheduler=scheduler))
    assert 'param_scheduler.monitor is loss, which val_evaluator does not report' in text
    # It counts validations, also in a training by iterations.
    assert check(BY_ITERATION, VALIDATION, param_scheduler=dict(scheduler, monitor='a')) == []


SIGMOID = dict(type='CrossEntropyLoss', use_sigmoid=True)


@pytest.mark.parametrize(
    ('head', 'wrong'),
    [
        (dict(num_classes=1), True),
        (dict(num_classes=1, loss_decode=dict(type='CrossEntropyLoss', use_sigmoid=False)), True),
        (dict(num_classes=2, out_channels=1, loss_decode=[dict(type='CrossEntropyLoss')]), True),
        (dict(num_classes=1, loss_decode=SIGMOID), False),
        (dict(num_classes=2, out_channels=1, loss_decode=SIGMOID), False),
        (dict(num_classes=2), False),
        (dict(num_classes=1, loss_cls=dict(type='CrossEntropyLoss')), False),  # of queries, with one for no object
    ],
)
def test_softmax_over_one_output(head, wrong):
    texts = check(scope='mmseg', model=dict(backbone={}, decode_head=head))
    assert len(texts) == wrong
    assert all(text.startswith('error: model.decode_head has one output') for text in texts)
    assert check(model=dict(backbone={}, decode_head=head)) == []  # mmdet has an output for the background


def test_softmax_over_one_class_of_a_classifier():
    head = dict(type='LinearClsHead', num_classes=1)
    assert 'model.head has one class' in single(check(scope='mmpretrain', model=dict(backbone={}, head=head)))
    timm = dict(type='TimmClassifier', num_classes=1)
    assert 'model has one class' in single(check(scope='mmpretrain', model=timm))
    assert check(scope='mmpretrain', model=dict(backbone={}, head=dict(head, num_classes=2))) == []


def test_labels_that_only_the_data_set_ignores():
    train = dict(train_dataloader=dict(dataset=dict(type='BaseSegDataset', ignore_index=0)))
    heads = dict(decode_head=dict(num_classes=2), auxiliary_head=[dict(num_classes=2, ignore_index=0)])
    text = single(check(train, scope='mmseg', model=dict(backbone={}, **heads)))
    assert 'has ignore_index=0, and model.decode_head has 255' in text


@pytest.mark.parametrize(
    ('loader', 'message'),
    [
        (dict(num_workers=0, persistent_workers=True), 'set train_dataloader.persistent_workers=False'),
        (dict(num_workers=0, prefetch_factor=2), 'set train_dataloader.prefetch_factor=None'),
        (dict(batch_size=0), 'train_dataloader.batch_size must be a whole number from 1 on, and is 0'),
        (dict(batch_size=2.5), 'is 2.5'),
    ],
)
def test_loaders_that_torch_refuses(loader, message):
    assert message in single(check(train_dataloader=dict(dict(batch_size=2, dataset={}), **loader)))


@pytest.mark.parametrize(
    ('settings', 'place'),
    [
        (dict(train_cfg=dict(EPOCHS, max_epochs='ten')), 'train_cfg.max_epochs'),
        (dict(param_scheduler=dict(type='PolyLR', end='12')), 'param_scheduler.end'),
        (dict(param_scheduler=[dict(type='MultiStepLR', milestones=[8, '11'])]), 'param_scheduler.0.milestones'),
        (dict(custom_hooks=[dict(type='EMAHook', momentum='1e-4')]), 'custom_hooks.0.momentum'),
        (dict(optim_wrapper=dict(clip_grad=dict(max_norm='1'))), 'optim_wrapper.clip_grad.max_norm'),
        (dict(randomness=dict(seed='abc')), 'randomness.seed'),
    ],
)
def test_texts_in_place_of_numbers(settings, place):
    assert single(check(BY_EPOCH, settings)).startswith(f'error: {place} must be a number, and is the text ')


@pytest.mark.parametrize(('scope', 'name'), [('mmdet', 'bgr_to_rgb'), ('mmpretrain', 'to_rgb')])
def test_means_in_another_order_than_the_channels(scope, name):
    red_first = [123.675, 116.28, 103.53]

    def found(mean, convert, **load):
        steps = [dict(type='LoadImageFromFile', **load)]
        model = dict(backbone={}, data_preprocessor={'mean': mean, name: convert})
        return check(scope=scope, model=model, train_dataloader=dict(dataset=dict(type='A', pipeline=steps)))

    assert f'order red, green, blue, and {name}=False gives the other' in single(found(red_first, convert=False))
    assert f'Set {name}=False' in single(found(red_first[::-1], convert=True))
    assert found(red_first, convert=True) == found(red_first[::-1], convert=False) == []
    # Images of another kind, or in the order of the file.
    assert found([10, 20, 30], convert=False) == found(red_first, convert=False, imdecode_backend='tifffile') == []


@pytest.mark.parametrize(
    ('loop', 'loader', 'message'),
    [
        (EPOCHS, dict(train_dataloader=dict(sampler=dict(type='InfiniteSampler'))), 'neither would the first epoch'),
        (ITERATIONS, dict(val_dataloader=dict(sampler=dict(type='InfiniteSampler'))), 'neither would validation'),
        (EPOCHS, dict(train_dataloader=dict(sampler=dict(type='DefaultSampler', shuffle=False))), 'shuffle is False'),
    ],
)
def test_samplers(loop, loader, message):
    by = BY_EPOCH if loop is EPOCHS else BY_ITERATION
    assert message in single(check(by, **loader))
    good = dict(train_dataloader=dict(sampler=dict(type='DefaultSampler', shuffle=True)), val_dataloader={})
    assert check(by, good) == check(BY_ITERATION, train_dataloader=dict(sampler=dict(type='InfiniteSampler'))) == []


ADAM = dict(type='AdamW', lr=1e-4)
OPTIMIZERS = {
    'a type that does not exist': (dict(type='AdmW', lr=1e-4), 'error: optim_wrapper.optimizer (AdmW) cannot be built'),
    'an argument of another': (dict(type='SGD', lr=0.1, betas=(0.9, 0.9)), "cannot be built: * argument 'betas'"),
    'a text': (dict(ADAM, lr='1e-4'), "error: optim_wrapper.optimizer.lr must be a number, and is '1e-4'"),
    'no rate': (dict(ADAM, lr=0.0), 'error: optim_wrapper.optimizer.lr is 0: nothing is learned'),
    'below 0': (dict(ADAM, lr=-1.0), 'error: optim_wrapper.optimizer (AdamW) cannot be built: Invalid learning rate'),
    'a rate of SGD': (dict(ADAM, lr=0.02), 'warning: optim_wrapper.optimizer.lr is 0.02, a rate of SGD: AdamW needs'),
}


@pytest.mark.parametrize('fault', OPTIMIZERS)
def test_optimizers(fault):
    optimizer, message = OPTIMIZERS[fault]
    assert_contains(single(check(BY_EPOCH, optim_wrapper=dict(optimizer=optimizer))), message)
    for good in (ADAM, dict(type='SGD', lr=0.02, momentum=0.9)):
        assert check(BY_EPOCH, optim_wrapper=dict(optimizer=good)) == []


@pytest.mark.parametrize('clipping', [dict(max_norm=0.0), dict(type='value', clip_value=0)])
def test_gradients_that_are_clipped_to_zero(clipping):
    text = single(check(BY_EPOCH, optim_wrapper=dict(optimizer=ADAM, clip_grad=clipping)))
    assert 'makes every gradient 0: nothing is learned' in text
    assert check(BY_EPOCH, optim_wrapper=dict(optimizer=ADAM, clip_grad=dict(max_norm=1.0))) == []


@pytest.mark.parametrize(
    ('scheduler', 'message'),
    [
        (dict(type='MultiStepLR', gamma=0.1), "argument: 'milestones'"),
        (dict(type='CosineLR', T_max=12), 'CosineLR is not in the'),
        (dict(type='MultiStepLR', milestones=[8], begin=8, end=8), 'end should be larger than begin'),
        (dict(type='ConstantLR', begin=12), 'end should be larger than begin'),
    ],
)
def test_schedules_that_cannot_be_built(scheduler, message):
    def texts(scheduler):
        found = check(BY_EPOCH, optim_wrapper=dict(optimizer=ADAM), param_scheduler=[scheduler])
        return [text for text in found if 'cannot be built' in text]

    text = single(texts(scheduler))
    assert text.startswith('error: param_scheduler.0 (')
    assert message in text
    # This one counts iterations, of which there are more than epochs.
    assert texts(dict(type='CosineAnnealingLR', by_epoch=False, begin=500)) == []
    assert texts(dict(type='CosineAnnealingLR', T_max=12, convert_to_iter_based=True)) == []


def test_weights_of_classes():
    def found(scope, **head):
        return check(scope=scope, model=dict(backbone={}, **head))

    def segmenter(weights):
        loss = dict(type='CrossEntropyLoss', class_weight=weights)
        return found('mmseg', decode_head=dict(type='FCNHead', num_classes=3, loss_decode=[loss]))

    assert 'FCNHead has class_weight with 11 values, and the head has 3 outputs' in single(segmenter([1.0] * 11))
    assert segmenter([1.0] * 3) == segmenter(None) == []
    loss = dict(type='CrossEntropyLoss', class_weight=[1.0] * 3)
    assert 'the head has 4 outputs (num_classes=3)' in single(
        found('mmdet', bbox_head=dict(num_classes=3, loss_cls=loss))
    )
    assert found('mmdet', bbox_head=dict(num_classes=3, loss_cls=dict(loss, use_sigmoid=True))) == []


def test_ranks_beyond_the_classes():
    def found(ranks, **evaluator):
        model = dict(backbone={}, head=dict(num_classes=3, topk=ranks, cal_acc=True))
        return check(scope='mmpretrain', model=model, val_evaluator=dict(type='Accuracy', **evaluator))

    assert 'model.head.topk is (1, 5), and the model has 3 classes' in single(found((1, 5)))
    assert 'topk of val_evaluator (Accuracy) is [1, 5]' in single(found(1, topk=[1, 5]))
    assert found((1, 3), topk=(1, 3)) == []


@pytest.mark.parametrize(
    ('windows', 'message'),
    [
        (dict(crop_size=(64, 64)), "has mode='slide' and stride=None: set model.test_cfg.stride"),
        (dict(crop_size=64, stride=(32, 32)), "has mode='slide' and crop_size=64"),
        (dict(crop_size=(64, 64), stride=(0, 0)), "has mode='slide' and stride=(0, 0)"),
        (dict(crop_size=(64, 64), stride=(64, 80)), 'stride is (64, 80), more than crop_size (64, 64)'),
    ],
)
def test_windows_of_segmenters(windows, message):
    def found(**settings):
        return check(scope='mmseg', model=dict(backbone={}, test_cfg=dict(settings)))

    assert message in single(found(mode='slide', **windows))
    assert found(mode='slide', crop_size=(64, 64), stride=(42, 42)) == found(mode='whole') == []


def test_one_class_without_a_comma(tmp_path):
    def text(classes):
        return check(train_dataloader=dict(batch_size=2, dataset=dict(metainfo=dict(classes=classes))))

    assert text(('cat',)) == []
    assert "is the text 'cat' and no file" in single(text('cat'))
    assert single(text('cat')).endswith("a tuple of one name has a comma, ('cat',)")
    (tmp_path / 'classes.txt').write_text('cat')
    assert text(str(tmp_path / 'classes.txt')) == []


def test_palettes_and_indices():
    def text(**metainfo):
        return check(train_dataloader=dict(batch_size=2, dataset=dict(metainfo=metainfo)))

    assert text(palette=[(220, 50, 50)]) == text(palette=[]) == text(palette='random') == []
    assert single(text(palette=(220, 50, 50))).endswith('a list of one colour is [(220, 50, 50)]')
    backbone = dict(type='ResNet', out_indices='(0, 1)')
    assert "out_indices of ResNet is the text '(0, 1)', and must be numbers" in single(check(model=dict(a=[backbone])))


def test_trackers_that_are_not_installed(monkeypatch):
    found = dict(mlflow=None, aim=object())
    monkeypatch.setattr('mmcrossformer.config.trackers.find_spec', found.get)
    backends = [dict(type='LocalVisBackend'), dict(type='MLflowVisBackend'), dict(type='AimVisBackend')]
    text = single(check(visualizer=dict(type='DetLocalVisualizer', vis_backends=backends)))
    assert text.startswith('error: visualizer.vis_backends has MLflowVisBackend')
    assert text.endswith('pip install mlflow')


@pytest.mark.parametrize('installed', [None, object()])
def test_panoptic_segmentation_needs_a_package(installed, monkeypatch):
    monkeypatch.setattr('mmcrossformer.engine.check.settings.packages.find_spec', dict(panopticapi=installed).get)
    pipeline = [dict(type='LoadImageFromFile'), dict(type='LoadPanopticAnnotations')]
    found = check(train_dataloader=dict(batch_size=2, dataset=dict(pipeline=pipeline)))
    if installed:
        assert not found
    else:
        assert 'error: LoadPanopticAnnotations needs panopticapi, which is not installed: pip install git+' in single(
            found
        )


def test_the_command_reports_them(call, quick):
    code, text = call(
        'check', quick('crossformer_t_digits'), '--cfg-options', 'train_dataloader.persistent_workers=True'
    )
    assert code == 2
    assert 'error: train_dataloader has persistent_workers=True and no workers' in text


def test_configs_of_no_library(call, tmp_path):
    path = tmp_path / 'config.py'
    path.write_text(f'_base_ = {str(CONFIGS / "crossformer_t_digits.py")!r}\ndefault_scope = None\n')
    code, text = call('check', path)
    assert code == 2
    assert 'sets no default_scope: it is no config to train or test' in text


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (
            ['val_dataloader=None'],
            'the config sets no val_dataloader: set val_dataloader, or switch it off by setting all of val_dataloader, '
            'val_cfg, val_evaluator to None',
        ),
        (['val_cfg=None', 'val_evaluator=None'], 'the config sets no val_cfg and no val_evaluator: set'),
        (['test_evaluator=None'], 'the config sets no test_evaluator: set test_evaluator, or switch it off by'),
        (['train_cfg=None'], 'the config sets no train_cfg: set train_cfg'),
    ],
)
def test_parts_that_are_half_switched_off(options, message, call, quick):
    code, text = call('check', quick('crossformer_t_digits'), '--cfg-options', *options)
    assert code == 2
    assert message in text


def test_tests_that_are_switched_off(call, quick):
    config = quick('crossformer_t_digits')
    off = [f'test_{name}=None' for name in ('dataloader', 'cfg', 'evaluator')]
    assert call('check', config, '--cfg-options', *off)[0] == 0
    code, text = call('test', config, config, '--cfg-options', *off)
    assert code == 2
    assert 'the config sets no test_dataloader and no test_cfg and no test_evaluator: set' in text


@pytest.mark.parametrize('absent', [False, True], ids=['None', 'absent'])
def test_own_data_without_validation(absent, tmp_path):
    box = dict(id=1, image_id=1, category_id=1, bbox=[0, 0, 2, 2], area=4, iscrowd=0)
    image = dict(id=1, file_name='0.jpg', width=4, height=4)
    coco = dict(images=[image], annotations=[box], categories=[dict(id=1, name='cat')])
    (tmp_path / 'train.json').write_text(json.dumps(coco))
    cfg = read_config(str(CONFIGS / 'retinanet_crossformer_t_256px_coco.py'))
    for name in ('val_dataloader', 'val_cfg', 'val_evaluator', 'test_dataloader', 'test_cfg', 'test_evaluator'):
        if absent:
            cfg.pop(name)
        else:
            cfg[name] = None
    use_own_coco(cfg, str(tmp_path), 'train.json', 'train.json', '.')
    assert cfg.train_dataloader.dataset.ann_file == 'train.json'
    assert cfg.model.bbox_head.num_classes == 1
    check_data(cfg, ('train', 'val'))
