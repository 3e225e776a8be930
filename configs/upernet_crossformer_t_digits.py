# UPerNet, CrossFormer-T, digits: slim heads, from scratch on two CPU cores.
_base_ = [
    './_base_/models/upernet_crossformer.py',
    './_base_/datasets/digits_semantic.py',
    './_base_/schedules/digits_semantic.py',
    './_base_/runtime/mmseg.py',
]

norm_cfg = dict(type='BN', requires_grad=True)
model = dict(
    data_preprocessor=dict(size=(160, 160)),
    backbone=dict(arch='tiny', adaptive_interval=True, drop_path_rate=0.0),
    decode_head=dict(in_channels=[64, 128, 256, 512], channels=96, num_classes=11, norm_cfg=norm_cfg),
    auxiliary_head=dict(in_channels=256, channels=64, num_classes=11, norm_cfg=norm_cfg),
)
default_hooks = dict(logger=dict(interval=25), checkpoint=dict(interval=100))
