"""The classifier that trains on several resolutions of each image in one step."""

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mmengine.config import Config
from mmengine.optim import OptimWrapper
from mmengine.registry import MODELS, init_default_scope
from mmengine.runner import Runner
from mmpretrain.structures import DataSample
from tiny import TINY

from mmcrossformer.config.read import read_config
from mmcrossformer.config.walk import model_settings
from mmcrossformer.engine.check import Limits, check_job

CLASSES = 5
OURS = dict(type='mmcrossformer.CrossFormer', arch=dict(TINY), out_indices=(3,), out_norm=True)
HOSTS_OWN = dict(type='ResNet', depth=18, base_channels=16, stem_channels=16, out_indices=(3,))
MIXES = [
    dict(type='Mixup', alpha=0.8),
    dict(type='CutMix', alpha=1.0),
    dict(type='CutMix', alpha=1.0, cutmix_minmax=[0.3, 0.7]),
    dict(type='ResizeMix', alpha=1.0),
]


def build(backbone=OURS, **kwargs):
    init_default_scope('mmpretrain')
    head = dict(type='LinearClsHead', num_classes=CLASSES, in_channels=128)
    preprocessor = dict(num_classes=CLASSES, mean=[120.0] * 3, std=[60.0] * 3, to_rgb=True)
    settings = dict(backbone=backbone, neck=dict(type='GlobalAveragePooling'), head=head)
    settings |= dict(data_preprocessor=preprocessor) | kwargs
    return MODELS.build(dict(type='mmcrossformer.MultiResolutionClassifier', **copy.deepcopy(settings)))


def batch_of(*sizes, number=4):
    """Views of the same random pictures, which are flat so that they look alike at any resolution."""
    rng = np.random.default_rng(0)
    colors = torch.from_numpy(rng.integers(0, 255, (number, 3, 1, 1), dtype=np.uint8))
    samples = [DataSample().set_gt_label(i % CLASSES) for i in range(number)]
    return dict(inputs=[colors.expand(-1, -1, size, size).contiguous() for size in sizes], data_samples=samples)


@pytest.mark.parametrize('backbone', [OURS, HOSTS_OWN], ids=['ours', 'resnet'])
def test_losses_are_those_of_the_definition(backbone):
    model = build(backbone, consistency_weight=0.5).eval()
    data = model.data_preprocessor(batch_of(40, 64, 32), True)
    losses = model(**data, mode='loss')
    features, target = {}, torch.arange(4)
    for view in data['inputs']:
        size = view.shape[-1]
        features[size] = model.backbone(view)[-1].mean((2, 3))
        wanted = F.cross_entropy(F.linear(features[size], model.head.fc.weight, model.head.fc.bias), target)
        torch.testing.assert_close(losses.pop(f'loss_{size}px'), wanted)
    for lower, higher in ((40, 64), (32, 40)):
        distance = (features[lower] - features[higher]).abs()
        wanted = torch.where(distance < 1, 0.5 * distance**2, distance - 0.5).mean()
        assert wanted > 0
        torch.testing.assert_close(losses.pop(f'loss_consistency_{lower}px'), 0.5 * wanted)
    assert not losses


def test_consistency_teaches_the_lower_resolution_alone():
    model = build().eval()
    views = [torch.randn(2, 3, size, size, requires_grad=True) for size in (64, 48, 32)]
    samples = [[DataSample().set_gt_label(0) for _ in range(2)] for _ in views]
    losses = model.loss(views, samples)
    high, middle, low = torch.autograd.grad(
        losses['loss_consistency_48px'], views, allow_unused=True, retain_graph=True
    )
    assert high is None
    assert low is None
    assert middle.abs().sum() > 0
    _, middle, low = torch.autograd.grad(losses['loss_consistency_32px'], views, allow_unused=True)
    assert middle is None
    assert low.abs().sum() > 0


def test_without_weight_there_is_no_consistency():
    model = build(consistency_weight=0)
    assert set(model.loss(**model.data_preprocessor(batch_of(64, 32), True))) == {'loss_64px', 'loss_32px'}


@pytest.mark.parametrize('mix', MIXES, ids=lambda mix: '_'.join(map(str, mix.values())))
def test_all_resolutions_are_mixed_alike(mix):
    preprocessor = build(train_cfg=dict(augments=[mix])).data_preprocessor
    seen = set()
    for _ in range(5):
        data = preprocessor(batch_of(64, 32), True)
        large, small = data['inputs']
        for one, other in zip(*data['data_samples'], strict=True):
            torch.testing.assert_close(one.gt_score, other.gt_score)
            assert one.gt_score.sum() == pytest.approx(1)
        # Flat pictures: but for a border of rounded boxes, the small views are the large ones, smaller.
        same = (large[..., ::2, ::2] - small).abs().amax(1) < 1e-4
        assert same.float().mean() > 0.85
        seen.add(data['data_samples'][0][0].gt_score.max().item())
    assert len(seen) > 1, 'each batch is mixed in its own way'


def test_host_mixes_views_apart():
    """What the test above would say of boxes drawn in pixels."""
    mix = build(train_cfg=dict(augments=[MIXES[1]])).data_preprocessor.batch_augments.augments[0]
    boxes = []
    for draw in (mix.cutmix_bbox_and_lam, type(mix).cutmix_bbox_and_lam.__get__(mix)):
        places = []
        for size in (224, 160):
            np.random.seed(1)
            box, _ = draw((size, size), 0.5)
            places.append(np.array(box) / size)
        boxes.append(np.abs(places[0] - places[1]).max())
    assert boxes[0] < 0.01 < boxes[1]


def test_labels_of_the_batch_are_kept():
    model = build(train_cfg=dict(augments=[MIXES[0]]))
    data = batch_of(64, 32)
    model.data_preprocessor(data, True)
    assert not any('gt_score' in sample for sample in data['data_samples'])


def test_prediction_is_that_of_one_view():
    model = build().eval()
    batch = batch_of(48)
    predicted = model.test_step(dict(batch, inputs=batch['inputs'][0]))
    logits = model(model.data_preprocessor(dict(inputs=batch['inputs'][0]))['inputs'])
    torch.testing.assert_close(torch.stack([sample.pred_score for sample in predicted]), logits.softmax(1))
    listed = model.test_step(dict(batch, inputs=list(batch['inputs'][0])))  # as pseudo_collate gives them
    torch.testing.assert_close(listed[0].pred_score, predicted[0].pred_score)


def test_a_step_from_the_config(quick):
    cfg = read_config(str(quick('crossformer_t_multires_digits')))
    assert not [finding for finding in check_job(cfg, Limits(decoded=1)) if not finding.warning]
    init_default_scope(cfg.default_scope)
    batch = next(iter(Runner.build_dataloader(cfg.train_dataloader, seed=0)))
    assert [tuple(view.shape[2:]) for view in batch['inputs']] == [(56, 56), (40, 40), (32, 32)]
    model = MODELS.build(model_settings(cfg)).train()
    before = [parameter.detach().clone() for parameter in model.backbone.parameters()]
    logs = model.train_step(batch, OptimWrapper(torch.optim.SGD(model.parameters(), lr=0.1)))
    parts = [value for name, value in logs.items() if name != 'loss']
    assert len(parts) == 5
    torch.testing.assert_close(logs['loss'], torch.stack(parts).sum())
    assert any(not torch.equal(old, new) for old, new in zip(before, model.backbone.parameters(), strict=True))


@pytest.mark.parametrize(
    ('arguments', 'words'),
    [
        (dict(consistency_weight=-1), 'must not be negative, got -1'),
        (dict(consistency_weight=float('nan')), 'must not be negative, got nan'),
        (dict(head=None), 'NoneType has not'),
        (dict(data_preprocessor=dict(type='SelfSupDataPreprocessor')), "'SelfSupDataPreprocessor' cannot be used"),
    ],
)
def test_wrong_arguments(arguments, words):
    with pytest.raises(ValueError, match=words):
        build(**arguments)


def test_wrong_batches():
    model = build()
    one = batch_of(48)
    with pytest.raises(ValueError, match='MultiView'):
        model(**model.data_preprocessor(dict(one, inputs=one['inputs'][0]), True), mode='loss')
    with pytest.raises(ValueError, match='MultiView'):
        model(**model.data_preprocessor(one, True), mode='loss')
    with pytest.raises(ValueError, match='got 48px, 48px'):
        model(**model.data_preprocessor(batch_of(48, 48), True), mode='loss')
    with pytest.raises(ValueError, match='predictions take one view'):
        model.test_step(batch_of(48, 32))


def test_a_pipeline_without_views_is_told_before_the_training(quick, tmp_path):
    path = tmp_path / 'one_view.py'
    kind = 'mmcrossformer.MultiResolutionClassifier'
    path.write_text(f'_base_ = {str(quick("crossformer_t_digits"))!r}\nmodel = dict(type={kind!r})\n')
    cfg = read_config(str(path))
    assert 'makes no views' in '\n'.join(finding.text for finding in check_job(cfg, Limits(decoded=1)))
    view = [dict(type='Resize', scale=32)]
    cfg.train_dataloader.dataset.pipeline = Config(
        dict(steps=[dict(type='MultiView', num_views=[2], transforms=[view])])
    ).steps
    assert 'must differ in resolution, and have 32, 32' in '\n'.join(
        finding.text for finding in check_job(cfg, Limits(decoded=1))
    )
