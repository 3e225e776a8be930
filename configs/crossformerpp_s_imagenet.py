# CrossFormer++-S, ImageNet, 300 epochs at 224 x 224.
_base_ = './crossformer_s_imagenet.py'

model = dict(backbone=dict(arch='pp-small'), head=dict(in_channels=512))
