# Mask R-CNN, CrossFormer++-S, COCO 1x.
_base_ = './mask_rcnn_crossformer_s_coco.py'

model = dict(backbone=dict(arch='pp-small'), neck=dict(in_channels=[64, 128, 256, 512]))
