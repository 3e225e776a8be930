# CrossFormer++-B, ImageNet, 300 epochs at 224 x 224.
_base_ = './crossformer_s_imagenet.py'

model = dict(backbone=dict(arch='pp-base'))
