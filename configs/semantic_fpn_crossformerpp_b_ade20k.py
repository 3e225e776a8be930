# Semantic FPN, CrossFormer++-B, ADE20K 80k.
_base_ = [
    './_base_/models/semantic_fpn_crossformer.py',
    './_base_/datasets/ade20k_aligned.py',
    './_base_/schedules/ade20k_80k.py',
    './_base_/runtime/mmseg.py',
]

model = dict(backbone=dict(arch='pp-base'))
default_hooks = dict(checkpoint=dict(interval=8000))
