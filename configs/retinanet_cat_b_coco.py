# RetinaNet, CAT-B, COCO 1x.
_base_ = [
    './_base_/models/retinanet.py',
    './_base_/backbones/cat_b.py',
    './_base_/datasets/coco_detection.py',
    './_base_/schedules/coco_1x_cat.py',
    './_base_/runtime/mmdet.py',
]

model = dict(backbone=_base_.backbone, neck=dict(in_channels=_base_.channels))
