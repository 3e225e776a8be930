# The digits of digits_classes.py, each image seen at 56, 40 and 32 pixels, augmented separately; tests at 56.
_base_ = './digits_classes.py'

train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(
        type='MultiView',
        num_views=[1, 1, 1],
        transforms=[
            [
                dict(type='Resize', scale=size),
                dict(type='RandomCrop', crop_size=size, padding=size // 8, padding_mode='reflect'),
            ]
            for size in (56, 40, 32)
        ],
    ),
    dict(type='PackInputs'),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
