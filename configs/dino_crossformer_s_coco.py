# DINO with four scales, CrossFormer-S, COCO, 12 epochs, in mmdet's recipe for ResNet-50.
_base_ = [
    'mmdet::dino/dino-4scale_r50_8xb2-12e_coco.py',
    './_base_/backbones/crossformer_s.py',
    './_base_/groups/g7.py',
    './_base_/runtime/hooks.py',
]

model = dict(
    backbone=dict(_base_.backbone, **_base_.groups, out_indices=(1, 2, 3), _delete_=True),
    neck=dict(in_channels=_base_.channels[1:]),
)
default_hooks = dict(checkpoint=dict(type='mmcrossformer.AtomicCheckpointHook', max_keep_ckpts=2))
