# CAT-S.
backbone = dict(type='mmcrossformer.CAT', arch='small')
classifier_backbone = dict(backbone, out_indices=(3,))
channels = [96, 192, 384, 768]
