# Semantic FPN, CrossFormer++-S in setting g14, ADE20K 80k.
_base_ = './semantic_fpn_crossformer_s_g14_ade20k.py'

model = dict(backbone=dict(arch='pp-small'), neck=dict(in_channels=[64, 128, 256, 512]))
