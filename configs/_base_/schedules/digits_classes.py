# Digits: 12 epochs of 46 iterations, batch 64.
_base_ = './digits_optimizer.py'

optim_wrapper = dict(optimizer=dict(lr=2e-4))
param_scheduler = [
    {{_base_.warm_up}},
    dict(type='CosineAnnealingLR', by_epoch=True, begin=0, end=12, eta_min=1e-6, convert_to_iter_based=True),
]
train_cfg = dict(by_epoch=True, max_epochs=12, val_interval=1)
val_cfg = dict()
test_cfg = dict()
