# CrossViT-S of timm, ImageNet, 300 epochs at 240 x 240.
_base_ = [
    './_base_/models/crossvit.py',
    './_base_/datasets/imagenet_240.py',
    './_base_/schedules/imagenet_300e.py',
    './_base_/runtime/mmpretrain.py',
]

no_decay = dict(decay_mult=0.0)
optim_wrapper = dict(paramwise_cfg=dict(custom_keys=dict(cls_token=no_decay, pos_embed=no_decay)))
