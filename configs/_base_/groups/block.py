# As g7, with long distance attention in blocks: for very large images, whose cost then grows linearly with the number
# of pixels. Published detectors and segmenters have it over the whole map.
groups = dict(group_size=(7, 7, 7, 7), interval=(8, 4, 2, 1), lda_scope='block')
