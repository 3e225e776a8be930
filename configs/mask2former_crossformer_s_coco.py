# Mask2Former for instances, CrossFormer-S, COCO, in mmdet's recipe for ResNet-50.
_base_ = [
    'mmdet::mask2former/mask2former_r50_8xb2-lsj-50e_coco.py',
    './_base_/backbones/crossformer_s.py',
    './_base_/groups/g7.py',
    './_base_/runtime/hooks.py',
]

model = dict(
    backbone=dict(_base_.backbone, **_base_.groups, _delete_=True),
    panoptic_head=dict(in_channels=_base_.channels),
)
# Training counts iterations, and so does the log of validations.
default_hooks = dict(
    checkpoint=dict(type='mmcrossformer.AtomicCheckpointHook', max_keep_ckpts=2),
    logger=dict(log_metric_by_epoch=False),
)
