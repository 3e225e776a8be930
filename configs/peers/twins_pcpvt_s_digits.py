# Twins-PCPVT-S of mmpretrain, digits: as ours but for the backbone.
_base_ = '../crossformer_t_digits.py'

model = dict(
    backbone=dict(_delete_=True, type='PCPVT', arch='small', drop_path_rate=0.0),
    head=dict(in_channels=512),
)
