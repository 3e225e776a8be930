# FCOS with FPN on CAT-S: data and pyramid of RetinaNet, with more maps from the last one, and a head of its own,
# improved as in mmdet: centres sampled, boxes normed by the stride, GIoU. Another variant changes `backbone.arch` and
# `neck.in_channels`, a multiple (1, 2, 4, 8) of the variant's embed_dims.
_base_ = './retinanet_crossformer.py'

model = dict(
    type='FCOS',
    backbone=dict(_delete_=True, type='mmcrossformer.CAT', arch='small'),
    neck=dict(add_extra_convs='on_output', relu_before_extra_convs=True),
    bbox_head=dict(
        _delete_=True,
        type='FCOSHead',
        num_classes=80,
        in_channels=256,
        stacked_convs=4,
        feat_channels=256,
        strides=[8, 16, 32, 64, 128],
        norm_on_bbox=True,
        centerness_on_reg=True,
        center_sampling=True,
        loss_cls=dict(type='FocalLoss', use_sigmoid=True, gamma=2.0, alpha=0.25, loss_weight=1.0),
        loss_bbox=dict(type='GIoULoss', loss_weight=1.0),
        loss_centerness=dict(type='CrossEntropyLoss', use_sigmoid=True, loss_weight=1.0),
    ),
    train_cfg=None,  # anchors are what RetinaNet's is about
    test_cfg=dict(nms=dict(iou_threshold=0.6)),
)
