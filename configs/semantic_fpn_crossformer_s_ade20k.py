# Semantic FPN, CrossFormer-S, ADE20K 80k.
_base_ = [
    './_base_/models/semantic_fpn_crossformer.py',
    './_base_/datasets/ade20k_aligned.py',
    './_base_/schedules/ade20k_80k.py',
    './_base_/runtime/mmseg.py',
]

default_hooks = dict(checkpoint=dict(interval=8000))
