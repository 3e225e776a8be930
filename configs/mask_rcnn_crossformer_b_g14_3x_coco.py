# Mask R-CNN, CrossFormer-B in setting g14, COCO 3x with images of many scales.
_base_ = './mask_rcnn_crossformer_s_g14_3x_coco.py'

model = dict(backbone=dict(arch='base'))
