# Swin-T of mmdet, and of mmpretrain for classification.
backbone = dict(
    type='mmdet.SwinTransformer',
    embed_dims=96,
    depths=(2, 2, 6, 2),
    num_heads=(3, 6, 12, 24),
    window_size=7,
    drop_path_rate=0.2,
)
classifier_backbone = dict(type='mmpretrain.SwinTransformer', arch='tiny', pad_small_map=True, drop_path_rate=0.2)
channels = [96, 192, 384, 768]
