# Mask2Former for semantic segmentation, CrossFormer-S, ADE20K 160k, in mmseg's recipe for ResNet-50.
_base_ = [
    './_base_/models/mask2former_semantic.py',
    './_base_/backbones/crossformer_s.py',
    './_base_/groups/g7.py',
    './_base_/datasets/ade20k.py',
    './_base_/schedules/ade20k_mask2former.py',
    './_base_/runtime/mmseg.py',
]

model = dict(backbone=dict(_base_.backbone, **_base_.groups), decode_head=dict(in_channels=_base_.channels))
custom_imports = dict(imports=['mmcrossformer', 'mmdet.models'])  # heads and losses of mmdet
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations', reduce_zero_label=True),
    dict(
        type='RandomChoiceResize',
        scales=[int(51.2 * tenths) for tenths in range(5, 21)],
        resize_type='ResizeShortestEdge',
        max_size=2048,
    ),
    dict(type='RandomCrop', crop_size=(512, 512), cat_max_ratio=0.75),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PhotoMetricDistortion'),
    dict(type='PackSegInputs'),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
default_hooks = dict(checkpoint=dict(interval=5000))
