# Mask2Former for semantic segmentation, CrossFormer-S, ADE20K 160k, in mmseg's recipe for ResNet-50.
_base_ = [
    './_base_/models/mask2former_semantic_crossformer.py',
    './_base_/datasets/ade20k.py',
    './_base_/schedules/ade20k_mask2former.py',
    './_base_/runtime/mmseg.py',
]
custom_imports = dict(imports=['mmdet.models'])  # heads and losses of mmdet
default_hooks = dict(checkpoint=dict(interval=5000))
