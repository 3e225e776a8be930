# ATSS, CAT-S, COCO 1x.
_base_ = [
    './_base_/models/atss_cat.py',
    './_base_/datasets/coco_detection.py',
    './_base_/schedules/coco_1x_cat.py',
    './_base_/runtime/mmdet.py',
]
