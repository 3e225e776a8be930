"""Classifiers for mmpretrain.

A function is registered, not the class: it imports mmpretrain when it is called, so that the package works without it.
"""

from typing import Any

from mmengine.model import BaseModel

from mmcrossformer.registry import MODELS


@MODELS.register_module(name='MultiResolutionClassifier')
def multi_resolution_classifier(**kwargs: Any) -> BaseModel:
    """Builds an `ImageClassifier` of mmpretrain that is trained on several resolutions of each image in one step.

    Args:
        **kwargs: Arguments of `mmcrossformer.classifiers.multi_resolution.MultiResolutionClassifier`.
    """
    from mmcrossformer.classifiers.multi_resolution import MultiResolutionClassifier

    return MultiResolutionClassifier(**kwargs)
