# CrossViT-15† of timm, ImageNet, 300 epochs at 408 x 408; in tests the short side whole.
_base_ = './crossvit_s_imagenet.py'

model = dict(model_name='crossvit_15_dagger_408')
train_pipeline = _base_.train_pipeline
train_pipeline[1].scale = 408
test_pipeline = _base_.test_pipeline
test_pipeline[1].scale = 408
test_pipeline[2].crop_size = 408
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
