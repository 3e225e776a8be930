# CAT-T.
backbone = dict(type='mmcrossformer.CAT', arch='tiny')
classifier_backbone = dict(backbone, out_indices=(3,))
channels = [64, 128, 256, 512]
