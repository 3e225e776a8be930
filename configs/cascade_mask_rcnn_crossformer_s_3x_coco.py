# Cascade Mask R-CNN, CrossFormer-S, COCO 3x with images of many scales.
_base_ = [
    './_base_/models/cascade_mask_rcnn_crossformer.py',
    './_base_/datasets/coco_instance_multiscale.py',
    './_base_/schedules/coco_3x.py',
    './_base_/runtime/mmdet.py',
]
