# CrossViT-18 of timm, ImageNet, 300 epochs at 240 x 240.
_base_ = './crossvit_s_imagenet.py'

model = dict(model_name='crossvit_18_240')
