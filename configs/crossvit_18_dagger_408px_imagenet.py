# CrossViT-18† of timm, ImageNet, 300 epochs at 408 x 408.
_base_ = './crossvit_15_dagger_408px_imagenet.py'

model = dict(model_name='crossvit_18_dagger_408')
