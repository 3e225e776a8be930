# Mask R-CNN, CrossFormer-B, COCO 1x.
_base_ = './mask_rcnn_crossformer_s_coco.py'

model = dict(backbone=dict(arch='base'))
