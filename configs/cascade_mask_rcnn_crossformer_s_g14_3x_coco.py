# Cascade Mask R-CNN, CrossFormer-S in setting g14, COCO 3x with images of many scales.
_base_ = [
    './_base_/models/cascade_mask_rcnn_crossformer.py',
    './_base_/models/g14.py',
    './_base_/datasets/coco_instance_multiscale.py',
    './_base_/schedules/coco_3x.py',
    './_base_/runtime/mmdet.py',
]

model = dict(backbone={{_base_.g14}})
