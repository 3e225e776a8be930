# Semantic FPN, CrossFormer-B in setting g14, ADE20K 80k.
_base_ = './semantic_fpn_crossformer_s_g14_ade20k.py'

model = dict(backbone=dict(arch='base'))
