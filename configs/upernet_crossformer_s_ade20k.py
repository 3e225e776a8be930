# UPerNet, CrossFormer-S, ADE20K 160k.
_base_ = [
    './_base_/models/upernet_crossformer.py',
    './_base_/datasets/ade20k.py',
    './_base_/schedules/ade20k_160k.py',
    './_base_/runtime/mmseg.py',
]
