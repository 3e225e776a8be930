# CAT-S, ImageNet, 300 epochs at 224 x 224, in the recipe of CrossFormer.
_base_ = './crossformer_s_imagenet.py'

model = dict(backbone=dict(_delete_=True, type='mmcrossformer.CAT', arch='small', out_indices=(3,)))
