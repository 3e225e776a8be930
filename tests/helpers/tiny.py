"""Architectures in little."""

# Every feature of the large variants in little: four stages, both attentions, a cooling layer in stage 2.
TINY = dict(embed_dims=16, depths=(1, 2, 4, 2), num_heads=(1, 2, 4, 8), group_size=(3, 3, 2, 2), interval=(4, 2, 2, 1))
TINY_CAT = dict(embed_dims=16, depths=(1, 1, 2, 1), num_heads=(1, 2, 4, 8))
