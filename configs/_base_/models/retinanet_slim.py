# RetinaNet with a slim neck and head, for small images; neck with batch norm, strides 8 to 64.
_base_ = './retinanet.py'

width = 96
model = dict(
    neck=dict(
        out_channels=width,
        num_outs=4,
        norm_cfg=dict(type='BN', requires_grad=True),
    ),
    bbox_head=dict(
        in_channels=width,
        feat_channels=width,
        stacked_convs=2,
        anchor_generator=dict(strides=[8, 16, 32, 64]),
    ),
)
