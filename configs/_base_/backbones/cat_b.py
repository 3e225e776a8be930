# CAT-B.
backbone = dict(type='mmcrossformer.CAT', arch='base')
classifier_backbone = dict(backbone, out_indices=(3,))
channels = [96, 192, 384, 768]
