# ImageNet-1k, each image seen at 224, 160 and 128 pixels, augmented separately; tests at 224.
_base_ = './imagenet_224.py'

train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(
        type='MultiView',
        num_views=[1, 1, 1],
        transforms=[
            [
                dict(type='RandomResizedCrop', scale=size, backend='pillow', interpolation='bicubic'),
                {{_base_.flip}},
                {{_base_.rand_augment}},
                {{_base_.random_erasing}},
            ]
            for size in (224, 160, 128)
        ],
    ),
    dict(type='PackInputs'),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
