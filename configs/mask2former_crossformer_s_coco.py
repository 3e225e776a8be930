# Mask2Former for instances, CrossFormer-S, COCO, in mmdet's recipe for ResNet-50.
_base_ = ['mmdet::mask2former/mask2former_r50_8xb2-lsj-50e_coco.py', '_base_/runtime/hooks.py']

model = dict(
    backbone=dict(
        _delete_=True,
        type='mmcrossformer.CrossFormer',
        arch='small',
        group_size=(7, 7, 7, 7),
        interval=(8, 4, 2, 1),
        lda_scope='map',
    ),
    panoptic_head=dict(in_channels=[96, 192, 384, 768]),
)
default_hooks = dict(checkpoint=dict(type='mmcrossformer.AtomicCheckpointHook'))
