# Setting g14 of the published Mask R-CNN 3x, Cascade Mask R-CNN and Semantic FPN: groups of 14 tokens in the first two
# stages. A config that has this file among its bases takes it by `model = dict(backbone={{_base_.g14}})`.
g14 = dict(group_size=(14, 14, 7, 7), interval=(16, 8, 2, 1))
