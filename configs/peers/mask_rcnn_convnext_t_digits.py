# Mask R-CNN, ConvNeXt-T, digits: as ours but for the backbone.
_base_ = ['../mask_rcnn_crossformer_t_digits.py', '../_base_/backbones/convnext_t.py']

model = dict(backbone={{_base_.backbone}}, neck=dict(in_channels={{_base_.channels}}))
