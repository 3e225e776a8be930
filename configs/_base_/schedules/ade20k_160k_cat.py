# ADE20K as published for CAT: as for UPerNet, with more weight decay, but none on norms and position biases.
_base_ = './ade20k_160k.py'

optim_wrapper = dict(
    optimizer=dict(weight_decay=0.05),
    paramwise_cfg=dict(custom_keys={'pos_bias.table': dict(decay_mult=0.0)}),
)
