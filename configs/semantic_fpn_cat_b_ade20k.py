# Semantic FPN, CAT-B, ADE20K 80k.
_base_ = [
    './_base_/models/semantic_fpn.py',
    './_base_/backbones/cat_b.py',
    './_base_/datasets/ade20k.py',
    './_base_/schedules/ade20k_80k_cat.py',
    './_base_/runtime/mmseg.py',
]

model = dict(backbone=_base_.backbone, neck=dict(in_channels=_base_.channels))
default_hooks = dict(checkpoint=dict(interval=8000))
