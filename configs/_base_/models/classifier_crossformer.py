# Classifier on CrossFormer-S: norm, global average, Linear. Another variant changes `backbone.arch` and
# `head.in_channels`, eight times the variant's embed_dims.
model = dict(
    type='ImageClassifier',
    backbone=dict(type='mmcrossformer.CrossFormer', arch='small', out_indices=(3,), out_norm=True),
    neck=dict(type='GlobalAveragePooling'),
    head=dict(
        type='LinearClsHead',
        num_classes=1000,
        in_channels=768,
        init_cfg=dict(type='TruncNormal', layer='Linear', std=0.02, bias=0.0),
        loss=dict(type='LabelSmoothLoss', label_smooth_val=0.1, mode='original'),
        topk=(1, 5),
        cal_acc=False,
    ),
    train_cfg=dict(augments=[dict(type='Mixup', alpha=0.8), dict(type='CutMix', alpha=1.0)]),
)
