"""The names of CrossFormer and CrossFormer++."""

from mmcrossformer.checkpoint.names.rules import BLOCK, COMMON, LATER_STAGE, OFFICIAL_BLOCK, PARTS, Names, Rules

_CROSSFORMER: Names = [
    ('patch_embed.projs.{k}', 'stages.0.embed.convs.{k}', {}),
    ('layers.{stage}.downsample.reductions.{k}', 'stages.{stage}.embed.convs.{k}', LATER_STAGE),
    *((f'{OFFICIAL_BLOCK}{part}', f'{BLOCK}{part}', {}) for part in PARTS),
    (f'{OFFICIAL_BLOCK}attn.pos.pos_proj', f'{BLOCK}attn.pos_bias.proj', {}),
    (
        f'{OFFICIAL_BLOCK}attn.pos.pos{{layer}}.{{k}}',
        f'{BLOCK}attn.pos_bias.layers.{{layer}}.{{k}}',
        dict(layer=(1, -1)),
    ),
    (f'{OFFICIAL_BLOCK}ex_conv', f'{BLOCK}cooling.conv', {}),
    (f'{OFFICIAL_BLOCK}ex_ln', f'{BLOCK}cooling.norm', {}),
    *COMMON,
]
RULES = Rules('CrossFormer', _CROSSFORMER)
