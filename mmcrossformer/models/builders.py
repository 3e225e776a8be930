"""Models of the host libraries that this package adds to.

Registered functions rather than classes: each imports its host library when it is called, so that the backbones need
none.
"""

from typing import Any

from mmengine.model import BaseModel

from mmcrossformer.registry import MODELS


@MODELS.register_module(name='MultiResolutionClassifier')
def multi_resolution_classifier(**kwargs: Any) -> BaseModel:
    """An `ImageClassifier` of mmpretrain that is trained on several resolutions of each image in one step.

    Args:
        **kwargs: Arguments of `mmcrossformer.models.multi_resolution.MultiResolutionClassifier`.
    """
    from mmcrossformer.models.multi_resolution import MultiResolutionClassifier

    return MultiResolutionClassifier(**kwargs)
