# Semantic FPN, CrossFormer-L, ADE20K 80k.
_base_ = './semantic_fpn_crossformer_s_ade20k.py'

model = dict(backbone=dict(arch='large'), neck=dict(in_channels=[128, 256, 512, 1024]))
