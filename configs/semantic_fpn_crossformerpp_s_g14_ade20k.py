# Semantic FPN, CrossFormer++-S in setting g14, ADE20K 80k.
_base_ = [
    './_base_/models/semantic_fpn.py',
    './_base_/backbones/crossformerpp_s.py',
    './_base_/groups/g14.py',
    './_base_/datasets/ade20k_aligned.py',
    './_base_/schedules/ade20k_80k.py',
    './_base_/runtime/mmseg.py',
]

model = dict(backbone=dict(_base_.backbone, **_base_.groups), neck=dict(in_channels=_base_.channels))
default_hooks = dict(checkpoint=dict(interval=8000))
