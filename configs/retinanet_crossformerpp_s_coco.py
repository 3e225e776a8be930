# RetinaNet, CrossFormer++-S, COCO 1x.
_base_ = './retinanet_crossformer_s_coco.py'

model = dict(backbone=dict(arch='pp-small'), neck=dict(in_channels=[64, 128, 256, 512]))
