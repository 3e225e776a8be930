"""Which own data fit which configs."""

BOXES = 'a detector of boxes (retinanet_*, fcos_*, atss_*, cascade_rcnn_*, dino_*)'
_MASKS = 'of masks (mask_rcnn_*, cascade_mask_rcnn_*, mask2former_*_coco)'
_SEGMENTER = 'a segmenter (upernet_*, semantic_fpn_*, mask2former_*_ade20k)'
_CLASSIFIER = 'a classifier (crossformer_*, crossformerpp_*, cat_*, crossvit_*)'

# By library: the kinds of data that its configs can be trained on, and a description of these configs.
FITTING: dict[str, dict[str, str]] = dict(
    mmdet={'objects': f'{BOXES} or {_MASKS}'},
    mmseg={'objects': f'{_SEGMENTER} where objects have masks', 'label maps': _SEGMENTER},
    mmpretrain={'classes': _CLASSIFIER},
)
