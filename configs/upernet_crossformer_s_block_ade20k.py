# UPerNet, CrossFormer-S with long distance attention in blocks, ADE20K 160k: for very large images, whose cost then
# grows linearly with the number of pixels. Published segmenters have it over the whole map.
_base_ = [
    './_base_/models/upernet.py',
    './_base_/backbones/crossformer_s.py',
    './_base_/groups/block.py',
    './_base_/datasets/ade20k.py',
    './_base_/schedules/ade20k_160k.py',
    './_base_/runtime/mmseg.py',
]

model = dict(
    backbone=dict(_base_.backbone, **_base_.groups),
    decode_head=dict(in_channels=_base_.channels),
    auxiliary_head=dict(in_channels=_base_.channels[2]),
)
