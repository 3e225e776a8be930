# ResNet-50 of mmdet, every norm trained.
backbone = dict(_delete_=True, type='mmdet.ResNet', depth=50, norm_eval=False)
channels = [256, 512, 1024, 2048]
channels_at_16 = 1024
custom_imports = dict(imports=['mmdet.models'])
