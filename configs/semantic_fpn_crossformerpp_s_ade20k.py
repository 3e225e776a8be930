# Semantic FPN, CrossFormer++-S, ADE20K 80k.
_base_ = './semantic_fpn_crossformer_s_ade20k.py'

model = dict(backbone=dict(arch='pp-small'), neck=dict(in_channels=[64, 128, 256, 512]))
