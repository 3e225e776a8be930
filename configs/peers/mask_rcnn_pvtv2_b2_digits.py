# Mask R-CNN, PVTv2-B2, digits: as ours but for the backbone.
_base_ = ['../mask_rcnn_crossformer_t_digits.py', '../_base_/backbones/pvtv2_b2.py']

model = dict(backbone={{_base_.backbone}}, neck=dict(in_channels={{_base_.channels}}))
