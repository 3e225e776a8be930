# ImageNet-1k at 240 x 240; in tests the middle 7/8 of the short side. Else as at 224 x 224.
_base_ = './imagenet_224.py'

train_pipeline = _base_.train_pipeline
train_pipeline[1].scale = 240
test_pipeline = _base_.test_pipeline
test_pipeline[1].scale = 274
test_pipeline[2].crop_size = 240
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
