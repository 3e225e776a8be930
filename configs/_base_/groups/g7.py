# Setting g7: groups of 7 tokens in every stage, long distance attention over the whole map, as in most published
# detectors and segmenters, those with CrossFormer++ too, whose defaults are those of ImageNet.
groups = dict(group_size=(7, 7, 7, 7), interval=(8, 4, 2, 1), lda_scope='map')
