# Mask R-CNN, CrossFormer-T, digits: slim neck and heads, from scratch on two CPU cores.
_base_ = [
    './_base_/models/mask_rcnn_crossformer.py',
    './_base_/datasets/digits_instance.py',
    './_base_/schedules/digits_detection.py',
    './_base_/runtime/mmdet.py',
]

width = 96
norm_cfg = dict(type='BN', requires_grad=True)
model = dict(
    backbone=dict(arch='tiny', adaptive_interval=True, drop_path_rate=0.0),
    neck=dict(in_channels=[64, 128, 256, 512], out_channels=width, norm_cfg=norm_cfg),
    rpn_head=dict(in_channels=width, feat_channels=width),
    roi_head=dict(
        bbox_roi_extractor=dict(out_channels=width),
        bbox_head=dict(in_channels=width, fc_out_channels=256, num_classes=10),
        mask_roi_extractor=dict(out_channels=width),
        mask_head=dict(in_channels=width, conv_out_channels=width, num_convs=2, num_classes=10, norm_cfg=norm_cfg),
    ),
    train_cfg=dict(
        rpn_proposal=dict(nms_pre=500, max_per_img=100),
        rcnn=dict(sampler=dict(num=64)),
    ),
    test_cfg=dict(rpn=dict(nms_pre=200, max_per_img=50), rcnn=dict(max_per_img=30)),
)
