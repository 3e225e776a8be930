# Semantic FPN, CAT-S, ADE20K 160k.
_base_ = [
    './_base_/models/semantic_fpn_crossformer.py',
    './_base_/datasets/ade20k.py',
    './_base_/schedules/ade20k_160k_cat.py',
    './_base_/runtime/mmseg.py',
]

model = dict(backbone=dict(_delete_=True, type='mmcrossformer.CAT', arch='small'))
