# UPerNet, CrossFormer-B, ADE20K 160k.
_base_ = './upernet_crossformer_s_ade20k.py'

model = dict(backbone=dict(arch='base'))
