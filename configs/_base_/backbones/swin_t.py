# Swin-T of mmdet.
backbone = dict(
    _delete_=True,
    type='mmdet.SwinTransformer',
    embed_dims=96,
    depths=(2, 2, 6, 2),
    num_heads=(3, 6, 12, 24),
    window_size=7,
    drop_path_rate=0.0,
)
channels = [96, 192, 384, 768]
channels_at_16 = 384
custom_imports = dict(imports=['mmdet.models'])
