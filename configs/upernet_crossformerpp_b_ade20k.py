# UPerNet, CrossFormer++-B, ADE20K 160k.
_base_ = [
    './_base_/models/upernet.py',
    './_base_/backbones/crossformerpp_b.py',
    './_base_/groups/g7.py',
    './_base_/datasets/ade20k.py',
    './_base_/schedules/ade20k_160k.py',
    './_base_/runtime/mmseg.py',
]

model = dict(
    backbone=dict(_base_.backbone, **_base_.groups),
    decode_head=dict(in_channels=_base_.channels),
    auxiliary_head=dict(in_channels=_base_.channels[2]),
)
