# RetinaNet, CrossFormer++-B, COCO 1x.
_base_ = [
    './_base_/models/retinanet.py',
    './_base_/backbones/crossformerpp_b.py',
    './_base_/groups/g7.py',
    './_base_/datasets/coco_detection.py',
    './_base_/schedules/coco_1x.py',
    './_base_/runtime/mmdet.py',
]

model = dict(backbone=dict(_base_.backbone, **_base_.groups), neck=dict(in_channels=_base_.channels))
