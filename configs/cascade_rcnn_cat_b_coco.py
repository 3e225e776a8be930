# Cascade R-CNN, CAT-B, COCO 1x.
_base_ = './cascade_rcnn_cat_s_coco.py'

model = dict(backbone=dict(arch='base'))
