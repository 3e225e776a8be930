# RetinaNet, CrossFormer++-S, COCO 1x, groups of 14 tokens in the first two stages.
_base_ = './retinanet_crossformerpp_s_coco.py'

model = dict(backbone=dict(group_size=(14, 14, 7, 7), interval=(16, 8, 2, 1)))
