# Mask R-CNN, ResNet-50, digits: as ours but for the backbone.
_base_ = ['../mask_rcnn_crossformer_t_digits.py', '../_base_/backbones/resnet_50.py']

model = dict(backbone={{_base_.backbone}}, neck=dict(in_channels={{_base_.channels}}))
