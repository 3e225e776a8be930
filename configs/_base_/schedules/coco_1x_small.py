# 12 epochs in batches of 8, from scratch: for small data sets.
_base_ = './coco_1x.py'

epochs = 12
optim_wrapper = dict(
    optimizer=dict(lr=5e-4, weight_decay=0.05, fused=True),
    paramwise_cfg=dict(norm_decay_mult=0.0, bias_decay_mult=0.0),
    clip_grad=dict(max_norm=5.0),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, begin=0, end=50),
    dict(type='CosineAnnealingLR', by_epoch=True, begin=0, end=epochs, eta_min=1e-6, convert_to_iter_based=True),
]
train_cfg = dict(max_epochs=epochs, val_interval=4)
auto_scale_lr = dict(base_batch_size=8)
