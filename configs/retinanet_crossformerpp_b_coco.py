# RetinaNet, CrossFormer++-B, COCO 1x.
_base_ = './retinanet_crossformer_s_coco.py'

model = dict(backbone=dict(arch='pp-base'))
