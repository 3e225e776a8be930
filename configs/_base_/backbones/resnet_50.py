# ResNet-50 of mmdet, every norm trained, and of mmpretrain for classification.
backbone = dict(type='mmdet.ResNet', depth=50, norm_eval=False)
classifier_backbone = dict(type='mmpretrain.ResNet', depth=50)
channels = [256, 512, 1024, 2048]
