# CrossViT-S of timm as a whole classifier: two branches with heads, and the mean of both logits. Other variants change
# `model_name`. Configs train it by CrossFormer's recipe for ImageNet (schedules/imagenet_300e.py), not by that of
# CrossViT's authors. Published weights: `pretrained=True` downloads them, `checkpoint_path` names a file of them. With
# other classes than their 1000, use a file with `pretrained=True, pretrained_cfg_overlay=dict(file=...)`, which makes
# new heads.
model = dict(
    type='TimmClassifier',
    model_name='crossvit_small_240',
    pretrained=False,
    checkpoint_path='',
    num_classes=1000,
    drop_path_rate=0.1,
    loss=dict(type='LabelSmoothLoss', label_smooth_val=0.1, mode='original'),
    train_cfg=dict(augments=[dict(type='Mixup', alpha=0.8), dict(type='CutMix', alpha=1.0)]),
)
