# DINO with four scales, CrossFormer-S, COCO, 12 epochs, in mmdet's recipe for ResNet-50.
_base_ = ['mmdet::dino/dino-4scale_r50_8xb2-12e_coco.py', '_base_/runtime/hooks.py']

model = dict(
    backbone=dict(
        _delete_=True,
        type='mmcrossformer.CrossFormer',
        arch='small',
        group_size=(7, 7, 7, 7),
        interval=(8, 4, 2, 1),
        lda_scope='map',
        out_indices=(1, 2, 3),
    ),
    neck=dict(in_channels=[192, 384, 768]),
)
default_hooks = dict(checkpoint=dict(type='mmcrossformer.AtomicCheckpointHook'))
