# UPerNet, CAT-T, digits: slim heads, from scratch on two CPU cores.
_base_ = [
    './_base_/models/upernet_digits.py',
    './_base_/backbones/cat_t.py',
    './_base_/datasets/digits_semantic.py',
    './_base_/schedules/digits_semantic.py',
    './_base_/runtime/mmseg.py',
]

model = dict(
    backbone=dict(_base_.backbone, drop_path_rate=0.0),
    decode_head=dict(in_channels=_base_.channels),
    auxiliary_head=dict(in_channels=_base_.channels[2]),
)
default_hooks = dict(logger=dict(interval=25), checkpoint=dict(interval=300))
