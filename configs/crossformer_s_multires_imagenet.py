# CrossFormer-S, ImageNet, 300 epochs at 224, 160 and 128 pixels in each step.
_base_ = [
    './_base_/models/classifier_crossformer.py',
    './_base_/datasets/imagenet_multires.py',
    './_base_/schedules/imagenet_300e.py',
    './_base_/runtime/mmpretrain.py',
]

model = dict(type='mmcrossformer.MultiResolutionClassifier')
