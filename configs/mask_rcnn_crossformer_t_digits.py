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
    data_preprocessor=dict(pad_size_divisor=1),
    # 112 pixels give maps of 28, 14, 7 and 4 tokens, which groups of 7 fill without padding.
    # Long distance attention is the same over the whole map and in blocks there: no map is larger than 7 * interval.
    backbone=dict(arch='tiny', interval=(4, 2, 1, 1), drop_path_rate=0.0),
    neck=dict(in_channels=[64, 128, 256, 512], out_channels=width, num_outs=4, norm_cfg=norm_cfg),
    rpn_head=dict(
        in_channels=width,
        feat_channels=width,
        anchor_generator=dict(scales=[6], ratios=[1.0, 2.0], strides=[4, 8, 16, 32]),
    ),
    roi_head=dict(
        # One sample a bin: more would cost more than the backbone.
        bbox_roi_extractor=dict(out_channels=width, roi_layer=dict(sampling_ratio=1)),
        # Convolutions with BN tell digits apart after far fewer iterations than two Linear layers.
        bbox_head=dict(
            type='ConvFCBBoxHead',
            num_shared_convs=2,
            num_shared_fcs=1,
            in_channels=width,
            conv_out_channels=64,
            fc_out_channels=256,
            num_classes=10,
            norm_cfg=norm_cfg,
        ),
        mask_roi_extractor=dict(out_channels=width, roi_layer=dict(sampling_ratio=1)),
        mask_head=dict(in_channels=width, conv_out_channels=64, num_convs=2, num_classes=10, norm_cfg=norm_cfg),
    ),
    train_cfg=dict(
        rpn_proposal=dict(nms_pre=200, max_per_img=64),
        rcnn=dict(sampler=dict(num=32)),
    ),
    test_cfg=dict(rpn=dict(nms_pre=200, max_per_img=50), rcnn=dict(max_per_img=30)),
)
default_hooks = dict(logger=dict(interval=10), checkpoint=dict(max_keep_ckpts=1))
