# Mask R-CNN, CrossFormer-S in setting g14, COCO 3x with images of many scales.
_base_ = [
    './_base_/models/mask_rcnn.py',
    './_base_/backbones/crossformer_s.py',
    './_base_/groups/g14.py',
    './_base_/datasets/coco_instance_multiscale.py',
    './_base_/schedules/coco_3x.py',
    './_base_/runtime/mmdet.py',
]

model = dict(backbone=dict(_base_.backbone, **_base_.groups), neck=dict(in_channels=_base_.channels))
