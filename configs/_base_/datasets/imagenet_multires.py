# ImageNet-1k, each image seen at 224, 160 and 128 pixels, augmented separately; tests at 224.
_base_ = './imagenet_224.py'

train_pipeline = [
    _base_.train_pipeline[0],
    dict(
        type='MultiView',
        num_views=[1, 1, 1],
        transforms=[
            [dict(_base_.train_pipeline[1], scale=size), *_base_.train_pipeline[2:-1]] for size in (224, 160, 128)
        ],
    ),
    _base_.train_pipeline[-1],
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
