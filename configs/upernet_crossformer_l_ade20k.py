# UPerNet, CrossFormer-L, ADE20K 160k.
_base_ = './upernet_crossformer_s_ade20k.py'

model = dict(
    backbone=dict(arch='large'),
    decode_head=dict(in_channels=[128, 256, 512, 1024]),
    auxiliary_head=dict(in_channels=512),
)
