# RetinaNet for the digits: slim neck and head.
_base_ = './retinanet.py'

width = 96
model = dict(
    data_preprocessor=dict(pad_size_divisor=1),
    neck=dict(
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
