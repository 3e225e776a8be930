# CrossViT-9 of timm, digits: as crossformer_t_digits.py but for the model. Patches of half the side at a quarter of the
# size make 10 x 10 and 7 x 7 tokens; timm enlarges the images of 56 pixels to 60 for the branch of small patches.
_base_ = [
    './_base_/datasets/digits_classes.py',
    './_base_/schedules/digits_classes.py',
    './_base_/runtime/mmpretrain.py',
]

model = dict(
    type='TimmClassifier',
    model_name='crossvit_9_240',
    img_size=60,
    patch_size=(6, 8),
    num_classes=10,
    drop_path_rate=0.0,
    loss=dict(type='LabelSmoothLoss', label_smooth_val=0.1, mode='original'),
)
default_hooks = dict(logger=dict(interval=25))
