# Semantic FPN, CAT-B, ADE20K 160k.
_base_ = './semantic_fpn_cat_s_160k_ade20k.py'

model = dict(backbone=dict(arch='base'))
