# ConvNeXt-T of mmpretrain.
backbone = dict(
    _delete_=True,
    type='mmpretrain.ConvNeXt',
    arch='tiny',
    out_indices=(0, 1, 2, 3),
    gap_before_final_norm=False,
    drop_path_rate=0.0,
)
channels = [96, 192, 384, 768]
channels_at_16 = 384
custom_imports = dict(imports=['mmpretrain.models'])
