# CrossFormer-S, ImageNet, 300 epochs at 224 x 224.
_base_ = [
    './_base_/models/classifier_crossformer.py',
    './_base_/datasets/imagenet_224.py',
    './_base_/schedules/imagenet_300e.py',
    './_base_/runtime/mmpretrain.py',
]
