# RetinaNet, CrossFormer-T, digits: slim neck and head, from scratch on two CPU cores.
_base_ = [
    './_base_/models/retinanet_digits.py',
    './_base_/backbones/crossformer_t.py',
    './_base_/groups/digits.py',
    './_base_/datasets/digits_detection.py',
    './_base_/schedules/digits_detection_8e.py',
    './_base_/runtime/mmdet.py',
]

model = dict(
    backbone=dict(_base_.backbone, **_base_.groups, drop_path_rate=0.0),
    neck=dict(in_channels=_base_.channels),
)
default_hooks = dict(logger=dict(interval=10))
