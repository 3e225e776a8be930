# Semantic FPN, CAT-S, ADE20K 160k.
_base_ = [
    './_base_/models/semantic_fpn.py',
    './_base_/backbones/cat_s.py',
    './_base_/datasets/ade20k.py',
    './_base_/schedules/ade20k_160k_cat.py',
    './_base_/runtime/mmseg.py',
]

model = dict(backbone=_base_.backbone, neck=dict(in_channels=_base_.channels))
