# CrossFormer-T.
backbone = dict(type='mmcrossformer.CrossFormer', arch='tiny')
classifier_backbone = dict(backbone, out_indices=(3,), out_norm=True)
channels = [64, 128, 256, 512]
