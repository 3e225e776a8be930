# CrossFormer-T, digits, as crossformer_t_digits.py but at 56, 40 and 32 pixels in each step.
_base_ = [
    './_base_/models/classifier_crossformer.py',
    './_base_/datasets/digits_classes_multires.py',
    './_base_/schedules/digits_classes.py',
    './_base_/runtime/mmpretrain.py',
]

model = dict(
    type='mmcrossformer.MultiResolutionClassifier',
    backbone=dict(arch='tiny', interval=(2, 1, 1, 1), drop_path_rate=0.0),
    head=dict(in_channels=512, num_classes=10, topk=(1,)),
    train_cfg=dict(_delete_=True),
)
default_hooks = dict(logger=dict(interval=25))
