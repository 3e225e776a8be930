# Mask R-CNN, Swin-T, digits: as ours but for the backbone.
_base_ = ['../mask_rcnn_crossformer_t_digits.py', '../_base_/backbones/swin_t.py']

model = dict(backbone={{_base_.backbone}}, neck=dict(in_channels={{_base_.channels}}))
