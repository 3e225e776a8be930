# CrossFormer-S for dense tasks, in setting g7 of the published detectors and segmenters. They have long distance
# attention over the whole map, with CrossFormer++ too, whose defaults are those of ImageNet: hence all is set here.
model = dict(
    backbone=dict(
        type='mmcrossformer.CrossFormer',
        arch='small',
        group_size=(7, 7, 7, 7),
        interval=(8, 4, 2, 1),
        lda_scope='map',
    ),
)
