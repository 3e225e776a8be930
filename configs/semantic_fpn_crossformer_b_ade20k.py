# Semantic FPN, CrossFormer-B, ADE20K 80k.
_base_ = './semantic_fpn_crossformer_s_ade20k.py'

model = dict(backbone=dict(arch='base'))
