# Mask R-CNN, CAT-B, COCO 1x with images of many scales.
_base_ = './mask_rcnn_cat_s_coco.py'

model = dict(backbone=dict(arch='base'))
