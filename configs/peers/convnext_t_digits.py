# ConvNeXt-T of mmpretrain, digits: as ours but for the backbone.
_base_ = '../crossformer_t_digits.py'

model = dict(
    backbone=dict(_delete_=True, type='ConvNeXt', arch='tiny', gap_before_final_norm=False, drop_path_rate=0.0),
    head=dict(in_channels=768),
)
