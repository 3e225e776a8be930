# Twins-PCPVT-S of mmpretrain, with stochastic depth as in mmseg's segmenters.
backbone = dict(type='mmpretrain.PCPVT', arch='small', out_indices=(0, 1, 2, 3), drop_path_rate=0.2)
classifier_backbone = dict(backbone, out_indices=(3,))
channels = [64, 128, 320, 512]
