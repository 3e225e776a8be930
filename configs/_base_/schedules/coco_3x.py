# COCO 3x: 36 epochs, steps at 27 and 33. The authors released no config: warm-up as in 1x, weight decay as in mmdet's
# Swin 3x.
_base_ = './coco_1x.py'

optim_wrapper = dict(optimizer=dict(weight_decay=0.05), paramwise_cfg=dict(norm_decay_mult=0.0))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.001, by_epoch=False, begin=0, end=500),
    dict(type='MultiStepLR', by_epoch=True, begin=0, end=36, milestones=[27, 33], gamma=0.1),
]
train_cfg = dict(max_epochs=36)
