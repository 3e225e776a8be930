# Setting g14 of the published Mask R-CNN 3x, Cascade Mask R-CNN and Semantic FPN: groups of 14 tokens in the first two
# stages.
groups = dict(group_size=(14, 14, 7, 7), interval=(16, 8, 2, 1), lda_scope='map')
