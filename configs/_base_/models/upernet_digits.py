# UPerNet for the digits: slim heads.
_base_ = './upernet.py'

norm_cfg = dict(type='BN', requires_grad=True)
class_weight = [0.2] + [1.0] * 10
model = dict(
    data_preprocessor=dict(size=(112, 112)),
    # Four fifths of the pixels are background.
    decode_head=dict(
        channels=96,
        num_classes=11,
        norm_cfg=norm_cfg,
        loss_decode=dict(class_weight=class_weight),
    ),
    auxiliary_head=dict(
        channels=64,
        num_classes=11,
        norm_cfg=norm_cfg,
        loss_decode=dict(class_weight=class_weight),
    ),
)
