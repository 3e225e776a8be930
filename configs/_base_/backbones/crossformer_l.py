# CrossFormer-L.
backbone = dict(type='mmcrossformer.CrossFormer', arch='large')
classifier_backbone = dict(backbone, out_indices=(3,), out_norm=True)
channels = [128, 256, 512, 1024]
