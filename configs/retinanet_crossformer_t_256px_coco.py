# RetinaNet, CrossFormer-T, images with a long side of 256: for small data sets of your own, from scratch on a CPU.
_base_ = [
    './_base_/models/retinanet_slim.py',
    './_base_/backbones/crossformer_t.py',
    './_base_/groups/g7.py',
    './_base_/datasets/coco_detection.py',
    './_base_/schedules/coco_1x_small.py',
    './_base_/runtime/mmdet.py',
]

train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations', with_bbox=True),
    dict(type='Resize', scale=(256, 256), keep_ratio=True),
    dict(type='RandomFlip', prob=[0.4, 0.4], direction=['horizontal', 'vertical']),
    dict(type='PackDetInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(256, 256), keep_ratio=True),
    dict(type='LoadAnnotations', with_bbox=True),
    dict(type='PackDetInputs', meta_keys=('img_id', 'img_path', 'ori_shape', 'img_shape', 'scale_factor')),
]
train_dataloader = dict(
    batch_size=8,
    num_workers=1,
    dataset=dict(filter_cfg=dict(filter_empty_gt=True, min_size=1), pipeline=train_pipeline),
)
val_dataloader = dict(batch_size=8, num_workers=1, dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader

model = dict(
    backbone=dict(_base_.backbone, **_base_.groups),
    neck=dict(in_channels=_base_.channels),
    bbox_head=dict(anchor_generator=dict(octave_base_scale=2)),  # anchors from 16 to 200 pixels
)

default_hooks = dict(logger=dict(interval=10))
