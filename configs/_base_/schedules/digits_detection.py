# Digits: three epochs of 125 iterations, batch 8.
_base_ = './digits_optimizer.py'

optim_wrapper = dict(optimizer=dict(lr=6e-4))
param_scheduler = [
    {{_base_.warm_up}},
    dict(type='CosineAnnealingLR', by_epoch=True, begin=0, end=3, eta_min=1e-6, convert_to_iter_based=True),
]
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=3, val_interval=1)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
