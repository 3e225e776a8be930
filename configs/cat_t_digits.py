# CAT-T, digits: as with CrossFormer-T but for the backbone.
_base_ = './crossformer_t_digits.py'

model = dict(backbone=dict(_delete_=True, type='mmcrossformer.CAT', arch='tiny', drop_path_rate=0.0, out_indices=(3,)))
