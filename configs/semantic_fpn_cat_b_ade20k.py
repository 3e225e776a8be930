# Semantic FPN, CAT-B, ADE20K 80k.
_base_ = './semantic_fpn_cat_s_ade20k.py'

model = dict(backbone=dict(arch='base'))
