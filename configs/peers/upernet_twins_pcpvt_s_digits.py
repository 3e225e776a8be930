# UPerNet, Twins-PCPVT-S, digits: as ours but for the backbone.
_base_ = ['../upernet_crossformer_t_digits.py', '../_base_/backbones/twins_pcpvt_s.py']

model = dict(
    backbone={{_base_.backbone}},
    decode_head=dict(in_channels={{_base_.channels}}),
    auxiliary_head=dict(in_channels={{_base_.channels_at_16}}),
)
