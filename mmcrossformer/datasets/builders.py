"""The digits data set for the host libraries, generated on first use.

Functions are registered, not classes: each imports its host library when it is called, so that the others work without
it.
"""

from typing import Any

from mmengine.dataset import BaseDataset

from mmcrossformer.datasets.digits import CLASSES, PALETTE, DigitsSpec, ensure_digits
from mmcrossformer.registry import DATASETS


@DATASETS.register_module(name='DigitsDetection')
def digits_detection(data_root: str, spec: dict[str, Any] | None = None, **kwargs: Any) -> BaseDataset:
    """Builds mmdet's `CocoDataset` of digits with boxes and masks.

    Args:
        data_root: Folder of the digits; generated if it does not exist.
        spec: Fields of `DigitsSpec` that differ from the defaults.
        **kwargs: Arguments of `CocoDataset`.
    """
    from mmdet.datasets import CocoDataset

    ensure_digits(data_root, DigitsSpec(**(spec or {})))
    return CocoDataset(data_root=data_root, metainfo=dict(classes=CLASSES, palette=list(PALETTE)), **kwargs)


@DATASETS.register_module(name='DigitsSegmentation')
def digits_segmentation(data_root: str, spec: dict[str, Any] | None = None, **kwargs: Any) -> BaseDataset:
    """Builds mmseg's `BaseSegDataset` of digits with semantic maps; class 0 is the background.

    Args:
        data_root: Folder of the digits; generated if it does not exist.
        spec: Fields of `DigitsSpec` that differ from the defaults.
        **kwargs: Arguments of `BaseSegDataset`.
    """
    from mmseg.datasets import BaseSegDataset

    ensure_digits(data_root, DigitsSpec(**(spec or {})))
    metainfo = dict(classes=('background', *CLASSES), palette=[(0, 0, 0), *PALETTE])
    return BaseSegDataset(data_root=data_root, metainfo=metainfo, img_suffix='.jpg', seg_map_suffix='.png', **kwargs)


@DATASETS.register_module(name='DigitsClassification')
def digits_classification(data_root: str, spec: dict[str, Any] | None = None, **kwargs: Any) -> BaseDataset:
    """Builds mmpretrain's `CustomDataset` of images of one digit each.

    Args:
        data_root: Folder of the digits; generated if it does not exist.
        spec: Fields of `DigitsSpec` that differ from the defaults.
        **kwargs: Arguments of `CustomDataset`.
    """
    from mmpretrain.datasets import CustomDataset

    ensure_digits(data_root, DigitsSpec(**(spec or {})))
    return CustomDataset(data_root=data_root, metainfo=dict(classes=CLASSES), **kwargs)
