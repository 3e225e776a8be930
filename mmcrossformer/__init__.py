"""CrossFormer, CrossFormer++ and CAT backbones for OpenMMLab. Needs torch and mmengine; imports no host library."""

try:
    import mmengine.registry
except ModuleNotFoundError as error:
    if error.name != 'mmengine':
        raise
    raise ModuleNotFoundError(
        "mmcrossformer needs mmengine: pip install onedl-mmengine, or pip install 'mmcrossformer[mm]' for all host "
        'libraries (beside the original OpenMMLab packages: pip install mmengine)',
        name='mmengine',
    ) from error

import torch

import mmcv_ext_torchvision
from mmcrossformer.checkpoint.files import stored_by_mmengine
from mmcrossformer.models import ARCHS, CAT, CAT_ARCHS, CrossFormer, progressive_group_sizes
from mmcrossformer.version import __version__

__all__ = ['ARCHS', 'CAT', 'CAT_ARCHS', 'CrossFormer', '__version__', 'progressive_group_sizes']

# Lets mmcv.ops work without its compiled operators, where torch has not called this already (see the module).
mmcv_ext_torchvision.install()

# torch reads checkpoints as data alone; those of mmengine also hold logged values, which it would refuse.
torch.serialization.add_safe_globals(stored_by_mmengine())

# With `custom_imports=dict(imports=['mmcrossformer'])` the names work without a prefix in every scope.
for backbone in (CAT, CrossFormer):
    mmengine.registry.MODELS.register_module(module=backbone)
