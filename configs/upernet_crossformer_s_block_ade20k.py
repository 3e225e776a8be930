# UPerNet, CrossFormer-S with long distance attention in blocks, ADE20K 160k: for very large images, whose cost then
# grows linearly with the number of pixels. Published segmenters have it over the whole map.
_base_ = './upernet_crossformer_s_ade20k.py'

model = dict(backbone=dict(lda_scope='block'))
