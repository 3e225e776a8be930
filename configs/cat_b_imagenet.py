# CAT-B, ImageNet, 300 epochs at 224 x 224, in the recipe of CrossFormer.
_base_ = './cat_s_imagenet.py'

model = dict(backbone=dict(arch='base'))
