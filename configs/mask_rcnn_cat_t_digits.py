# Mask R-CNN, CAT-T, digits: slim neck and heads, from scratch on two CPU cores.
_base_ = [
    './_base_/models/mask_rcnn_digits.py',
    './_base_/backbones/cat_t.py',
    './_base_/datasets/digits_instance.py',
    './_base_/schedules/digits_detection.py',
    './_base_/runtime/mmdet.py',
]

model = dict(
    backbone=dict(_base_.backbone, drop_path_rate=0.0),
    neck=dict(in_channels=_base_.channels),
)
default_hooks = dict(logger=dict(interval=10))
