# RetinaNet, CrossFormer-T, digits: slim neck and head, from scratch on two CPU cores.
_base_ = [
    './_base_/models/retinanet_crossformer.py',
    './_base_/datasets/digits_detection.py',
    './_base_/schedules/digits_detection.py',
    './_base_/runtime/mmdet.py',
]

width = 96
model = dict(
    data_preprocessor=dict(pad_size_divisor=1),
    # 112 pixels give maps of 28, 14, 7 and 4 tokens, which groups of 7 fill without padding.
    # Long distance attention is the same over the whole map and in blocks there: no map is larger than 7 * interval.
    backbone=dict(arch='tiny', interval=(4, 2, 1, 1), drop_path_rate=0.0),
    neck=dict(
        in_channels=[64, 128, 256, 512],
        out_channels=width,
        num_outs=4,
        norm_cfg=dict(type='BN', requires_grad=True),
    ),
    bbox_head=dict(
        in_channels=width,
        feat_channels=width,
        stacked_convs=2,
        num_classes=10,
        anchor_generator=dict(strides=[8, 16, 32, 64]),
    ),
    test_cfg=dict(nms_pre=200, max_per_img=30),
)
# A detector of one stage sees its classes on the maps alone and needs longer than Mask R-CNN.
param_scheduler = [
    {{_base_.warm_up}},
    dict(type='CosineAnnealingLR', by_epoch=True, begin=0, end=8, eta_min=1e-6, convert_to_iter_based=True),
]
train_cfg = dict(max_epochs=8, val_interval=2)
default_hooks = dict(logger=dict(interval=10), checkpoint=dict(max_keep_ckpts=1))
