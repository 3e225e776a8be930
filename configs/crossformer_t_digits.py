# CrossFormer-T, digits, from scratch on two CPU cores.
_base_ = [
    './_base_/models/classifier_digits.py',
    './_base_/backbones/crossformer_t.py',
    './_base_/datasets/digits_classes.py',
    './_base_/schedules/digits_classes.py',
    './_base_/runtime/mmpretrain.py',
]

model = dict(
    backbone=dict(_base_.classifier_backbone, interval=(2, 1, 1, 1), drop_path_rate=0.0),
    head=dict(in_channels=_base_.channels[-1]),
)
default_hooks = dict(logger=dict(interval=25))
