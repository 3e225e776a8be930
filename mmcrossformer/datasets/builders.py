"""The embedded digits as data sets of the host libraries, made on first use.

Registered functions rather than classes: each imports its host library when it is called, so that one missing library
does not take the others with it.
"""

from typing import Any

from mmengine.dataset import BaseDataset

from mmcrossformer.datasets.digits import CLASSES, PALETTE, DigitsSpec, ensure_digits
from mmcrossformer.registry import DATASETS


@DATASETS.register_module(name='DigitsDetection')
def digits_detection(data_root: str, spec: dict[str, Any] | None = None, **kwargs: Any) -> BaseDataset:
    """Digits with boxes and masks, as mmdet's `CocoDataset`.

    Args:
        data_root: Folder of the digits; made if it does not exist.
        spec: Fields of `DigitsSpec` other than the defaults.
        **kwargs: Arguments of `CocoDataset`.
    """
    from mmdet.datasets import CocoDataset

    ensure_digits(data_root, DigitsSpec(**(spec or {})))
    return CocoDataset(data_root=data_root, metainfo=dict(classes=CLASSES, palette=list(PALETTE)), **kwargs)


@DATASETS.register_module(name='DigitsSegmentation')
def digits_segmentation(data_root: str, spec: dict[str, Any] | None = None, **kwargs: Any) -> BaseDataset:
    """Digits with semantic maps (class 0 is the background), as mmseg's `BaseSegDataset`.

    Args:
        data_root: Folder of the digits; made if it does not exist.
        spec: Fields of `DigitsSpec` other than the defaults.
        **kwargs: Arguments of `BaseSegDataset`.
    """
    from mmseg.datasets import BaseSegDataset

    ensure_digits(data_root, DigitsSpec(**(spec or {})))
    metainfo = dict(classes=('background', *CLASSES), palette=[(0, 0, 0), *PALETTE])
    return BaseSegDataset(data_root=data_root, metainfo=metainfo, img_suffix='.jpg', seg_map_suffix='.png', **kwargs)


@DATASETS.register_module(name='DigitsClassification')
def digits_classification(data_root: str, spec: dict[str, Any] | None = None, **kwargs: Any) -> BaseDataset:
    """Pictures of one digit each, as mmpretrain's `CustomDataset`.

    Args:
        data_root: Folder of the digits; made if it does not exist.
        spec: Fields of `DigitsSpec` other than the defaults.
        **kwargs: Arguments of `CustomDataset`.
    """
    from mmpretrain.datasets import CustomDataset

    ensure_digits(data_root, DigitsSpec(**(spec or {})))
    return CustomDataset(data_root=data_root, metainfo=dict(classes=CLASSES), **kwargs)
