# Mask R-CNN, CrossFormer-B, COCO 3x with images of many scales.
_base_ = './mask_rcnn_crossformer_s_3x_coco.py'

model = dict(backbone=dict(arch='base'))
