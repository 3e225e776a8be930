"""Sets the number of classes of a model."""

from collections.abc import Iterator
from typing import Any

from mmcrossformer.config.walk import dicts_in
from mmcrossformer.utils.errors import UserError

# Heads whose number of classes does not depend on the data set.
OTHER_CLASSES = ('rpn_head', 'semantic_head')


def set_classes(model: dict[str, Any], count: int) -> list[str]:
    """Sets the number of classes wherever a model has one, and what has one value for each class.

    Weights of classes that are all equal, such as those of Mask2Former, which has one more for "no object", get the new
    length; others belong to the classes of the config and are removed.

    Args:
        model: `model` of a config, or its preprocessor; changed in place.
        count: Number of classes.

    Returns:
        Notes for the user.

    Raises:
        UserError: The model is panoptic, or has no number of classes.
    """
    notes, changed = [], 0
    for head in _heads_in(model):
        old = _count(head)
        if old is None:
            continue
        changed += 1
        _set_count(head, count)
        for loss in dicts_in(head):
            if isinstance(loss.get('class_weight'), list | tuple):
                loss['class_weight'] = weights = _fit_weights(loss['class_weight'], old, count)
                if weights is None:
                    notes.append('weights of classes in the losses were those of other data, and are removed')
    if not changed:
        raise UserError(f'the model ({model.get("type")}) sets no num_classes: set it in its head')
    return [*dict.fromkeys(notes)]


def _heads_in(node: Any) -> Iterator[dict[str, Any]]:
    """Yields dicts outside of the backbone and of heads with classes of their own, outer ones first."""
    if isinstance(node, dict):
        yield node
        node = [value for key, value in node.items() if key not in (*OTHER_CLASSES, 'backbone')]
    if isinstance(node, list | tuple):
        for value in node:
            yield from _heads_in(value)


def _count(head: dict[str, Any]) -> int | None:
    if 'num_things_classes' in head:
        if head.get('num_stuff_classes'):
            raise UserError(
                'own data cannot be used with a panoptic model (num_stuff_classes): take a config for instances, such '
                'as mask2former_crossformer_s_coco'
            )
        return head['num_things_classes']
    return head.get('num_classes')


def _set_count(head: dict[str, Any], count: int) -> None:
    head['num_things_classes' if 'num_things_classes' in head else 'num_classes'] = count
    if head.get('out_channels') == 1 and 'loss_decode' in head:  # one sigmoid for two classes, as mmseg allows
        for key in ('out_channels', 'threshold'):
            head.pop(key, None)
        for loss in dicts_in(head['loss_decode']):
            if 'use_sigmoid' in loss:
                loss['use_sigmoid'] = False


def _fit_weights(weights: list[float] | tuple[float, ...], old: int, count: int) -> list[float] | None:
    of_classes, others = list(weights[:old]), list(weights[old:])
    equal = len(weights) in (old, old + 1) and len(set(of_classes)) == 1
    return [of_classes[0]] * count + others if equal else None
