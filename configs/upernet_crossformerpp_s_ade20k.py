# UPerNet, CrossFormer++-S, ADE20K 160k.
_base_ = './upernet_crossformer_s_ade20k.py'

model = dict(
    backbone=dict(arch='pp-small'),
    decode_head=dict(in_channels=[64, 128, 256, 512]),
    auxiliary_head=dict(in_channels=256),
)
