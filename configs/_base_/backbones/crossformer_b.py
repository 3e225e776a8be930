# CrossFormer-B.
backbone = dict(type='mmcrossformer.CrossFormer', arch='base')
classifier_backbone = dict(backbone, out_indices=(3,), out_norm=True)
channels = [96, 192, 384, 768]
