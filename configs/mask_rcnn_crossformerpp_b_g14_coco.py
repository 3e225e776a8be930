# Mask R-CNN, CrossFormer++-B, COCO 1x, groups of 14 tokens in the first two stages.
_base_ = './mask_rcnn_crossformerpp_b_coco.py'

model = dict(backbone=dict(group_size=(14, 14, 7, 7), interval=(16, 8, 2, 1)))
