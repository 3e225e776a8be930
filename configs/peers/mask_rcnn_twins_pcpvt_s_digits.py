# Mask R-CNN, Twins-PCPVT-S, digits: as ours but for the backbone.
_base_ = ['../mask_rcnn_crossformer_t_digits.py', '../_base_/backbones/twins_pcpvt_s.py']

model = dict(backbone={{_base_.backbone}}, neck=dict(in_channels={{_base_.channels}}))
