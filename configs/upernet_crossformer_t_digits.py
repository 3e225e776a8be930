# UPerNet, CrossFormer-T, digits: slim heads, from scratch on two CPU cores.
_base_ = [
    './_base_/models/upernet_crossformer.py',
    './_base_/datasets/digits_semantic.py',
    './_base_/schedules/digits_semantic.py',
    './_base_/runtime/mmseg.py',
]

norm_cfg = dict(type='BN', requires_grad=True)
class_weight = [0.2] + [1.0] * 10
model = dict(
    data_preprocessor=dict(size=(112, 112)),
    # 112 pixels give maps of 28, 14, 7 and 4 tokens, which groups of 7 fill without padding.
    # Long distance attention is the same over the whole map and in blocks there: no map is larger than 7 * interval.
    backbone=dict(arch='tiny', interval=(4, 2, 1, 1), drop_path_rate=0.0),
    # Four fifths of the pixels are background.
    decode_head=dict(
        in_channels=[64, 128, 256, 512],
        channels=96,
        num_classes=11,
        norm_cfg=norm_cfg,
        loss_decode=dict(class_weight=class_weight),
    ),
    auxiliary_head=dict(
        in_channels=256,
        channels=64,
        num_classes=11,
        norm_cfg=norm_cfg,
        loss_decode=dict(class_weight=class_weight),
    ),
)
default_hooks = dict(logger=dict(interval=25), checkpoint=dict(interval=300))
