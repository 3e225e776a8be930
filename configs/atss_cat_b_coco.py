# ATSS, CAT-B, COCO 1x.
_base_ = './atss_cat_s_coco.py'

model = dict(backbone=dict(arch='base'))
