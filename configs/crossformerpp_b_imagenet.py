# CrossFormer++-B, ImageNet, 300 epochs at 224 x 224.
_base_ = [
    './_base_/models/classifier.py',
    './_base_/backbones/crossformerpp_b.py',
    './_base_/datasets/imagenet_224.py',
    './_base_/schedules/imagenet_300e.py',
    './_base_/runtime/mmpretrain.py',
]

model = dict(backbone=_base_.classifier_backbone, head=dict(in_channels=_base_.channels[-1]))
