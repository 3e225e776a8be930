# PVTv2-B2 of mmdet.
backbone = dict(
    _delete_=True,
    type='mmdet.PyramidVisionTransformerV2',
    embed_dims=64,
    num_layers=[3, 4, 6, 3],
    drop_path_rate=0.0,
    init_cfg=None,
)
channels = [64, 128, 320, 512]
channels_at_16 = 320
custom_imports = dict(imports=['mmdet.models'])
