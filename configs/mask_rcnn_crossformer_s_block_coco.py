# Mask R-CNN, CrossFormer-S with long distance attention in blocks, COCO 1x: for very large images, whose cost then
# grows linearly with the number of pixels. Published detectors have it over the whole map.
_base_ = './mask_rcnn_crossformer_s_coco.py'

model = dict(backbone=dict(lda_scope='block'))
