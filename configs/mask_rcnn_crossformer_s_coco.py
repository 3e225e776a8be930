# Mask R-CNN, CrossFormer-S, COCO 1x.
_base_ = [
    './_base_/models/mask_rcnn_crossformer.py',
    './_base_/datasets/coco_instance.py',
    './_base_/schedules/coco_1x.py',
    './_base_/runtime/mmdet.py',
]
