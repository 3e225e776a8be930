# Swin-T of mmpretrain, digits: as ours but for the backbone.
_base_ = '../crossformer_t_digits.py'

model = dict(
    backbone=dict(_delete_=True, type='SwinTransformer', arch='tiny', pad_small_map=True, drop_path_rate=0.0),
    head=dict(in_channels=768),
)
