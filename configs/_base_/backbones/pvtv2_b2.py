# PVTv2-B2 of mmdet.
backbone = dict(
    type='mmdet.PyramidVisionTransformerV2',
    embed_dims=64,
    num_layers=[3, 4, 6, 3],
    drop_path_rate=0.1,
    init_cfg=None,
)
classifier_backbone = dict(backbone, out_indices=(3,))
channels = [64, 128, 320, 512]
