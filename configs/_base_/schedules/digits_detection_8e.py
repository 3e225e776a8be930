# Digits: eight epochs of 125 iterations, batch 8. One-stage detectors need longer than Mask R-CNN.
_base_ = './digits_detection.py'

param_scheduler = [
    {{_base_.warm_up}},
    dict(type='CosineAnnealingLR', by_epoch=True, begin=0, end=8, eta_min=1e-6, convert_to_iter_based=True),
]
train_cfg = dict(max_epochs=8, val_interval=2)
