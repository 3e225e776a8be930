"""Batches and steps for models of the three host libraries, and configs made small."""

from typing import Any

import numpy as np
import torch
from mmengine.config import Config, ConfigDict
from mmengine.optim import OptimWrapper
from mmengine.registry import MODELS, init_default_scope
from mmengine.structures import InstanceData, PixelData
from tiny import TINY, TINY_CAT

from mmcrossformer.config.walk import dicts_in, model_settings, replace_sync_bn

TINY_CHANNELS = [16, 32, 64, 128]


def tiny_backbone(type_name: str, **kwargs: Any) -> dict:
    """A backbone with few channels, by registry name."""
    return dict(_delete_=True, type=type_name, arch=dict(TINY), **kwargs)


def shrink(cfg: Config) -> None:
    """Makes a config quick: a small backbone and small heads; and its model one to build alone, in one process."""
    replace_sync_bn(cfg.model)
    if cfg.default_scope == 'mmseg':
        cfg.model.data_preprocessor.size = (64, 96)
    cfg.model = model_settings(cfg)
    backbone = cfg.model.backbone
    outputs = backbone.get('out_indices', range(4))
    full, small = ([channels[i] for i in outputs] for channels in (channels_of(backbone), TINY_CHANNELS))
    if backbone.type.endswith('CAT'):
        backbone.update(arch=TINY_CAT, drop_path_rate=0.1)
    else:
        arch = dict(TINY, cooling=str(backbone.arch).startswith('pp-'))
        backbone.update(arch=arch, group_size=None, interval=None, drop_path_rate=0.1)
    shrink_heads(cfg.model)
    if 'batch_augments' in cfg.model.get('data_preprocessor', {}):
        cfg.model.data_preprocessor.batch_augments = None  # pads to 1024 x 1024
    for part in ('neck', 'panoptic_head', 'decode_head', 'auxiliary_head', 'head'):
        node = cfg.model.get(part, {})
        if node.get('in_channels') == full:
            node.in_channels = small
        elif node.get('in_channels') in full and part.endswith('head'):
            node.in_channels = small[full.index(node.in_channels)]


def shrink_heads(model: ConfigDict) -> None:
    """Makes heads quick: few channels inside, few proposals and queries. What joins two parts keeps its size."""
    if 'rpn_head' in model:
        for proposals in (model.train_cfg.rpn_proposal, model.test_cfg.rpn):
            proposals.update(nms_pre=20, max_per_img=20)
    for node in dicts_in(model):
        inner = dict(fc_out_channels=64, conv_out_channels=32, num_queries=20)
        if node.get('type') in ('UPerHead', 'FPNHead', 'FCNHead'):
            inner['channels'] = 32
        if 'oversample_ratio' in node:
            inner['num_points'] = 100  # at which the loss of Mask2Former looks
        node.update({key: value for key, value in inner.items() if key in node})


def channels_of(backbone: ConfigDict) -> list[int]:
    """Channels of all four stages of a backbone config."""
    from mmcrossformer.models.arch import ARCHS, CAT_ARCHS, resolve_arch

    archs = CAT_ARCHS if backbone.type.endswith('CAT') else ARCHS
    return list(resolve_arch(backbone.arch, archs).out_channels)


def make_batch(host: str, height: int, width: int, num_classes: int) -> dict:
    """Two random pictures with labels, as the data loader of a host library gives them."""
    rng = np.random.default_rng(0)
    inputs = [torch.from_numpy(rng.integers(0, 255, (3, height, width), dtype=np.uint8)) for _ in range(2)]
    samples = [_SAMPLE[host](height, width, num_classes) for _ in range(2)]
    if host == 'mmpretrain':
        return dict(inputs=torch.stack(inputs), data_samples=samples)
    return dict(inputs=inputs, data_samples=samples)


def _detection_sample(height: int, width: int, num_classes: int) -> Any:
    from mmdet.structures import DetDataSample
    from mmdet.structures.mask import BitmapMasks

    boxes = torch.tensor(
        [[2.0, 3.0, 0.6 * width, 0.7 * height], [0.4 * width, 0.3 * height, width - 1.0, height - 1.0]]
    )
    masks = np.zeros((2, height, width), dtype=np.uint8)
    for mask, (x1, y1, x2, y2) in zip(masks, boxes.int().tolist(), strict=True):
        mask[y1:y2, x1:x2] = 1
    sample = DetDataSample(metainfo=dict(img_shape=(height, width), ori_shape=(height, width), scale_factor=(1.0, 1.0)))
    labels = torch.tensor([0, num_classes - 1])
    sample.gt_instances = InstanceData(bboxes=boxes, labels=labels, masks=BitmapMasks(masks, height, width))
    sample.gt_sem_seg = PixelData(sem_seg=torch.full((1, height, width), num_classes - 1))
    sample.ignored_instances = InstanceData(bboxes=torch.zeros(0, 4), labels=torch.zeros(0, dtype=torch.long))
    return sample


def _segmentation_sample(height: int, width: int, num_classes: int) -> Any:
    from mmseg.structures import SegDataSample

    sample = SegDataSample(metainfo=dict(img_shape=(height, width), ori_shape=(height, width)))
    sample.gt_sem_seg = PixelData(data=torch.arange(height * width).reshape(1, height, width) % num_classes)
    return sample


def _classification_sample(height: int, width: int, num_classes: int) -> Any:
    from mmpretrain.structures import DataSample

    return DataSample().set_gt_label(num_classes - 1)


_SAMPLE = dict(mmdet=_detection_sample, mmseg=_segmentation_sample, mmpretrain=_classification_sample)


def step_and_predict(cfg: Config, height: int, width: int) -> Any:
    """Builds the model of a config, runs one training step and one prediction.

    Returns:
        The data samples of the prediction.
    """
    torch.manual_seed(0)
    host = cfg.default_scope
    init_default_scope(host)
    model = MODELS.build(cfg.model)
    model.init_weights()
    batch = make_batch(host, height, width, num_classes(cfg.model))
    several = cfg.model.type == 'mmcrossformer.MultiResolutionClassifier'
    learner = getattr(model, 'backbone', model)  # a classifier of timm is one whole
    before = [p.detach().clone() for p in learner.parameters()]
    model.train()
    logs = model.train_step(
        _views(batch) if several else batch, OptimWrapper(torch.optim.SGD(model.parameters(), lr=1e-3))
    )
    assert torch.isfinite(logs['loss'])
    after = list(learner.parameters())
    assert any(not torch.equal(a, b) for a, b in zip(before, after, strict=True)), 'the backbone did not learn'
    assert all(p.isfinite().all() for p in model.parameters())
    model.eval()
    with torch.no_grad():
        return model.test_step(batch)


def _views(batch: dict) -> dict:
    """The pictures of a batch at their own and at half the resolution."""
    return dict(batch, inputs=[batch['inputs'], batch['inputs'][..., ::2, ::2]])


def num_classes(node: Any) -> int:
    """The number of classes that the heads of a model config agree on."""
    found: set[int] = set()
    stack = [{key: value for key, value in node.items() if key != 'data_preprocessor'}]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            found |= {value for key, value in item.items() if key == 'num_classes'}
            if 'num_things_classes' in item:
                found.add(item['num_things_classes'] + item['num_stuff_classes'])
            stack += item.values()
        elif isinstance(item, list | tuple):
            stack += item
    assert len(found) == 1, found
    return found.pop()


def check_predictions(host: str, predictions: Any, height: int, width: int, classes: int) -> None:
    """Checks that predictions have the form that the host library promises."""
    assert len(predictions) == 2
    for sample in predictions:
        if host == 'mmdet':
            boxes = sample.pred_instances.bboxes
            assert boxes.shape[1] == 4
            assert len(sample.pred_instances.scores) == len(boxes)
            if 'masks' in sample.pred_instances:
                assert sample.pred_instances.masks.shape[1:] == (height, width)
            if 'pred_panoptic_seg' in sample:
                assert sample.pred_panoptic_seg.sem_seg.shape == (1, height, width)
        elif host == 'mmseg':
            assert sample.pred_sem_seg.data.shape == (1, height, width)
            assert sample.seg_logits.data.shape == (classes, height, width)
        else:
            assert sample.pred_score.shape == (classes,)
            assert abs(sample.pred_score.sum().item() - 1) < 1e-4
