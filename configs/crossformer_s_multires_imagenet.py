# CrossFormer-S, ImageNet, 300 epochs at 224, 160 and 128 pixels in each step.
_base_ = [
    './_base_/models/classifier.py',
    './_base_/backbones/crossformer_s.py',
    './_base_/datasets/imagenet_multires.py',
    './_base_/schedules/imagenet_300e.py',
    './_base_/runtime/mmpretrain.py',
]

model = dict(
    type='mmcrossformer.MultiResolutionClassifier',
    backbone=_base_.classifier_backbone,
    head=dict(in_channels=_base_.channels[-1]),
)
