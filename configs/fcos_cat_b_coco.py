# FCOS, CAT-B, COCO 1x.
_base_ = './fcos_cat_s_coco.py'

model = dict(backbone=dict(arch='base'))
