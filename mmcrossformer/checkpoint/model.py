"""Names of whole models: the backbone's, and those of heads and necks around it."""

from collections.abc import Mapping

from torch import Tensor

from mmcrossformer.checkpoint.names import check_own_names, convert_official, is_official, to_official


def own_model_names(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Names of a whole model in the host libraries: the backbone with the prefix `backbone.`, heads as they are."""
    if not is_official(weights):
        check_own_names(weights)
        return {f'backbone.{name}' if name.startswith(('stages.', 'norm')) else name: v for name, v in weights.items()}
    converted = convert_official(weights)
    own = {name if name.startswith('head.fc.') else f'backbone.{name}': value for name, value in converted.items()}
    if any(name.startswith('backbone.') for name in weights):
        own |= {name: value for name, value in weights.items() if not name.startswith('backbone.')}
    return own


def official_model_names(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Official names: bare for a backbone or a classifier, with the prefix `backbone.` for a detector or segmenter."""
    if is_official(weights):
        return dict(weights)
    check_own_names(weights)
    backbone = {name.removeprefix('backbone.'): value for name, value in weights.items() if _is_backbone(name)}
    rest = {name: value for name, value in weights.items() if not _is_backbone(name)}
    if all(name.startswith('head.fc.') for name in rest):
        return to_official(backbone | rest)
    return {f'backbone.{name}': value for name, value in to_official(backbone).items()} | rest


def _is_backbone(name: str) -> bool:
    return name.startswith(('backbone.', 'stages.', 'norm'))
