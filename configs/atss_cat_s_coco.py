# ATSS, CAT-S, COCO 1x.
_base_ = [
    './_base_/models/atss.py',
    './_base_/backbones/cat_s.py',
    './_base_/datasets/coco_detection.py',
    './_base_/schedules/coco_1x_cat.py',
    './_base_/runtime/mmdet.py',
]

model = dict(backbone=_base_.backbone, neck=dict(in_channels=_base_.channels))
