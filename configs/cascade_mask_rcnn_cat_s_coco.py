# Cascade Mask R-CNN, CAT-S, COCO 1x with images of many scales.
_base_ = [
    './_base_/models/cascade_mask_rcnn_crossformer.py',
    './_base_/datasets/coco_instance_multiscale.py',
    './_base_/schedules/coco_1x_cat.py',
    './_base_/runtime/mmdet.py',
]

model = dict(backbone=dict(_delete_=True, type='mmcrossformer.CAT', arch='small'))
