# Twins-PCPVT-S of mmpretrain.
backbone = dict(_delete_=True, type='mmpretrain.PCPVT', arch='small', out_indices=(0, 1, 2, 3), drop_path_rate=0.0)
channels = [64, 128, 320, 512]
channels_at_16 = 320
custom_imports = dict(imports=['mmpretrain.models'])
