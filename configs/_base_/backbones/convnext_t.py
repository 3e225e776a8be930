# ConvNeXt-T of mmpretrain, with stochastic depth as in mmdet's Mask R-CNN and as in mmpretrain's classifier.
backbone = dict(
    type='mmpretrain.ConvNeXt',
    arch='tiny',
    out_indices=(0, 1, 2, 3),
    gap_before_final_norm=False,
    drop_path_rate=0.4,
)
classifier_backbone = dict(backbone, out_indices=(3,), drop_path_rate=0.1)
channels = [96, 192, 384, 768]
