# Semantic FPN, CrossFormer-S in setting g14, ADE20K 80k.
_base_ = [
    './_base_/models/semantic_fpn_crossformer.py',
    './_base_/models/g14.py',
    './_base_/datasets/ade20k_aligned.py',
    './_base_/schedules/ade20k_80k.py',
    './_base_/runtime/mmseg.py',
]

model = dict(backbone={{_base_.g14}})
default_hooks = dict(checkpoint=dict(interval=8000))
