"""A classifier trained on several resolutions of each image in one step, as in ResFormer (arXiv 2212.00776).

Needs mmpretrain: building `type='mmcrossformer.MultiResolutionClassifier'` imports this module.
"""

import itertools
import random
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from mmpretrain.models import ClsDataPreprocessor, ImageClassifier
from mmpretrain.structures import DataSample
from torch import Tensor, nn

# Boxes of CutMix are drawn on a grid that is finer than any resolution, then scaled.
_FINE = 1 << 15

_PIPELINE = (
    'write the training pipeline as LoadImageFromFile, then '
    "dict(type='MultiView', num_views=[1, 1], transforms=[[steps for one resolution], [steps for another]]), "
    'then PackInputs'
)


class MultiResolutionClassifier(ImageClassifier):
    """Wraps any backbone, neck and head of a classifier; it adds no weights, and predicts as `ImageClassifier` does.

    A training batch has several views of each image, one for each resolution, which mmpretrain's `MultiView` makes.
    The loss is the head's loss at each resolution plus, for each resolution but the highest, the smooth L1 distance of
    its features from those of the next higher one: the features before the last linear layer, without a gradient to
    the higher resolution. So the features of low resolutions learn to match those of high ones.

    Args:
        backbone: Config of the backbone.
        neck: Config of the neck.
        head: Config of the head; it needs the method `pre_logits`, as in mmpretrain.
        consistency_weight: Weight of the distances; with 0 they are not computed.
        train_cfg: See `ImageClassifier`; `augments` such as Mixup mix all resolutions of an image alike.
        data_preprocessor: Arguments of `MultiResolutionPreprocessor`, or a module with the same interface.
        **kwargs: Further arguments of `ImageClassifier`.

    Raises:
        ValueError: The weight is negative, the head has no `pre_logits`, or the preprocessor is of another type.
    """

    def __init__(
        self,
        backbone: dict[str, Any],
        neck: dict[str, Any] | None = None,
        head: dict[str, Any] | None = None,
        *,
        consistency_weight: float = 1.0,
        train_cfg: dict[str, Any] | None = None,
        data_preprocessor: dict[str, Any] | nn.Module | None = None,
        **kwargs: Any,
    ) -> None:
        if not consistency_weight >= 0:
            raise ValueError(f'consistency_weight must not be negative, got {consistency_weight}')
        if not isinstance(data_preprocessor, nn.Module):
            data_preprocessor = build_preprocessor(data_preprocessor or {}, train_cfg)
        super().__init__(backbone, neck, head, train_cfg=train_cfg, data_preprocessor=data_preprocessor, **kwargs)
        if not hasattr(self.head, 'pre_logits'):
            raise ValueError(f'head must have the method pre_logits, which {type(self.head).__name__} has not')
        self.consistency_weight = consistency_weight

    def loss(self, inputs: Sequence[Tensor], data_samples: Sequence[list[DataSample]]) -> dict[str, Tensor]:
        """Computes the losses of one step.

        Args:
            inputs: A batch [B, C, H, W] for each resolution, in any order.
            data_samples: For each of them the samples of its B images.

        Returns:
            What the head returns at each resolution, such as `loss_224px`, and the weighted distance of each but the
            highest from the next higher, such as `loss_consistency_160px`.

        Raises:
            ValueError: Fewer than two resolutions, or two alike.
        """
        if isinstance(inputs, Tensor) or len(inputs) < 2:
            raise ValueError(f'MultiResolutionClassifier trains on two views of each image or more: {_PIPELINE}')
        views = sorted(zip(inputs, data_samples, strict=True), key=lambda view: -view[0].shape[2:].numel())
        sizes = [_size_name(view) for view, _ in views]
        if len(set(sizes)) < len(sizes):
            raise ValueError(f'each view must have a resolution of its own, got {", ".join(sizes)}: {_PIPELINE}')
        losses: dict[str, Tensor] = {}
        features: list[Tensor] = []
        for (view, samples), size in zip(views, sizes, strict=True):
            maps = self.extract_feat(view)
            losses |= {f'{name}_{size}': value for name, value in self.head.loss(maps, samples).items()}
            features.append(self.head.pre_logits(maps))
        if self.consistency_weight:
            for (higher, lower), size in zip(itertools.pairwise(features), sizes[1:], strict=True):
                distance = F.smooth_l1_loss(lower.float(), higher.detach().float())
                losses[f'loss_consistency_{size}'] = self.consistency_weight * distance
        return losses


class MultiResolutionPreprocessor(ClsDataPreprocessor):
    """Prepares several views of a batch as `ClsDataPreprocessor` prepares one.

    Batch augments such as Mixup and CutMix choose the same partners, ratios and boxes for all views: features of
    images that are mixed in different ways would not match.

    Args:
        **kwargs: Arguments of `ClsDataPreprocessor`.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        for augment in self.batch_augments.augments if self.batch_augments else ():
            if hasattr(augment, 'cutmix_bbox_and_lam'):  # CutMix and its subclasses
                augment.cutmix_bbox_and_lam = partial(_scale_box, augment.cutmix_bbox_and_lam)

    def forward(self, data: dict[str, Any], training: bool = False) -> dict[str, Any]:
        """Prepares a batch.

        Args:
            data: `inputs`, a batch of images as of `ClsDataPreprocessor` or a list of such batches, one for each view,
                and `data_samples`.
            training: Whether to augment.

        Returns:
            The same; with several views, `inputs` and `data_samples` are lists with an entry for each view.

        Raises:
            ValueError: Several views outside of training.
        """
        views = data['inputs']
        if isinstance(views, Tensor) or all(isinstance(view, Tensor) and view.ndim == 3 for view in views):
            return super().forward(data, training)
        if not training:
            raise ValueError('predictions take one view of each image: no MultiView in the pipelines of val and test')
        state = _random_state()
        prepared = []
        for view in views:
            _set_random_state(state)
            # Copies, because mixed labels are written into the samples.
            samples = [sample.new() for sample in data['data_samples']]
            prepared.append(super().forward(dict(inputs=view, data_samples=samples), training))
        return {key: [view[key] for view in prepared] for key in ('inputs', 'data_samples')}


def build_preprocessor(settings: dict[str, Any], train_cfg: dict[str, Any] | None) -> MultiResolutionPreprocessor:
    """Builds the preprocessor of the classifier.

    Args:
        settings: Arguments of `MultiResolutionPreprocessor`.
        train_cfg: Batch augments, unless the settings have some.

    Raises:
        ValueError: The settings are for another type.
    """
    settings = {'batch_augments': train_cfg, **settings}
    kind = settings.pop('type', 'ClsDataPreprocessor')
    if kind != 'ClsDataPreprocessor':
        raise ValueError(f'data_preprocessor of type {kind!r} cannot be used: leave the type out')
    return MultiResolutionPreprocessor(**settings)


def _scale_box(draw: Callable[..., Any], shape: tuple[int, int], lam: float, **kwargs: Any) -> tuple[Any, float]:
    """Draws a box of CutMix at the same relative place for images of any shape, and its ratio.

    CutMix draws boxes in pixels, so the same random state would result in other places at other resolutions.
    """
    box, lam = draw((_FINE, _FINE), lam, **kwargs)
    return tuple(round(edge * side / _FINE) for edge, side in zip(box, np.repeat(shape, 2), strict=True)), lam


def _size_name(view: Tensor) -> str:
    height, width = view.shape[2:]
    return f'{height}px' if height == width else f'{height}x{width}px'


def _random_state() -> tuple[Any, ...]:
    return random.getstate(), np.random.get_state(), torch.get_rng_state()


def _set_random_state(state: tuple[Any, ...]) -> None:
    random.setstate(state[0])
    np.random.set_state(state[1])
    torch.set_rng_state(state[2])
