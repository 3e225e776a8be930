# Digits: 1,200 iterations, batch 8.
_base_ = './digits_optimizer.py'

param_scheduler = [
    {{_base_.warm_up}},
    dict(type='PolyLR', power=1.0, eta_min=0.0, begin=50, end=1200, by_epoch=False),
]
train_cfg = dict(type='IterBasedTrainLoop', max_iters=1200, val_interval=300)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
