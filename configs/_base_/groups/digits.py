# 112 pixels make maps of 28, 14, 7 and 4 tokens, which groups of 7 fill without padding. Long distance attention is the
# same over the whole map and in blocks there: no map is larger than 7 * interval.
groups = dict(group_size=(7, 7, 7, 7), interval=(4, 2, 1, 1), lda_scope='map')
