# ResNet-50 of mmpretrain, digits: as ours but for the backbone.
_base_ = '../crossformer_t_digits.py'

model = dict(
    backbone=dict(_delete_=True, type='ResNet', depth=50),
    head=dict(in_channels=2048),
)
