# Cascade R-CNN, CAT-B, COCO 1x with images of many scales.
_base_ = './cascade_rcnn_cat_s_multiscale_coco.py'

model = dict(backbone=dict(arch='base'))
