"""Passes a few images of a data set through its pipeline, and looks at what the model would get."""

import copy
from collections.abc import Callable, Sequence
from typing import Any

from mmengine.config import Config
from mmengine.registry import TRANSFORMS

from mmcrossformer.config.walk import dicts_in, model_settings, type_name
from mmcrossformer.engine.check.finding import Finding
from mmcrossformer.engine.check.images import evenly_spaced
from mmcrossformer.engine.check.samples.inputs import check_inputs
from mmcrossformer.engine.check.samples.targets import check_targets
from mmcrossformer.utils.errors import UserError, innermost

# Images of each data set. A batch of them shows whether images of other sizes can be stacked.
_COUNT = 4
# Type of preprocessor -> the last step of the pipelines for it.
_PACKERS = dict(
    DetDataPreprocessor='PackDetInputs', SegDataPreProcessor='PackSegInputs', ClsDataPreprocessor='PackInputs'
)


def check_samples(
    cfg: Config, part: str, settings: dict[str, Any], entries: Sequence[dict[str, Any]], decode: int | None
) -> list[Finding]:
    """Checks that a pipeline runs, and that its results are what model and evaluator need.

    Args:
        cfg: The config.
        part: `train` or `val`.
        settings: Settings of a data set of that part.
        entries: Its entries, as its pipeline gets them.
        decode: Largest number of images to decode; None for no limit.

    Returns:
        The findings; where a wrapper such as `MultiImageMixDataset` goes on with the results, only of the run.
    """
    loader, place = cfg[f'{part}_dataloader'], f'the pipeline of {part}_dataloader'
    if not settings.get('pipeline'):
        return []
    try:
        steps = [_build(step, f'step {i} of {place}') for i, step in enumerate(settings['pipeline'])]
        chosen = evenly_spaced(entries, _COUNT if decode is None else min(decode, _COUNT))
        samples = [_run(steps, entry, place, trains=part == 'train') for entry in chosen]
    except UserError as error:
        return [Finding(str(error))]
    samples = [sample for sample in samples if sample is not None]  # a step can refuse an image
    if not samples or any({'dataset', 'pipeline'} <= node.keys() for node in dicts_in(loader['dataset'])):
        return []
    preprocessor = _preprocessor(cfg)
    packer = _PACKERS.get(type_name(preprocessor))
    if packer is None:
        return []  # an unknown preprocessor takes what its own pipelines give
    if any(not isinstance(sample, dict) or not {'inputs', 'data_samples'} <= sample.keys() for sample in samples):
        packs = any(type(step).__name__ == packer for step in steps)
        advice = "begin it with dict(type='LoadImageFromFile')" if packs else f'end it with dict(type={packer!r})'
        return [Finding(f'{place} gives no inputs and data_samples for the model: {advice}')]
    return check_targets(cfg, part, samples, place) or check_inputs(preprocessor, loader, part, samples)


def _build(settings: dict[str, Any] | Callable, place: str) -> Callable:
    """Builds a step.

    Raises:
        UserError: It cannot be built, or needs several images.
    """
    try:
        step = TRANSFORMS.build(settings) if isinstance(settings, dict) else settings
    except Exception as error:  # a step of any library can raise anything
        kind = settings.get('type') if isinstance(settings, dict) else settings
        raise UserError(f'{place}, {kind}, cannot be built: {innermost(error)}') from error
    if hasattr(step, 'get_indexes'):
        raise UserError(
            f'{place}, {type(step).__name__}, mixes several images, which only a MultiImageMixDataset provides: wrap '
            "the data set in dict(type='MultiImageMixDataset', dataset=..., pipeline=[...]), with this step and the "
            'later ones in its pipeline'
        )
    return step


def _run(steps: Sequence[Callable], entry: dict[str, Any], place: str, *, trains: bool) -> Any:
    """Passes an entry through the steps.

    Raises:
        UserError: A step fails, or annotations are loaded behind steps that should change them, too.
    """
    data: Any = copy.deepcopy(entry)
    for i, step in enumerate(steps):
        name = type(step).__name__
        if trains and name.startswith('Load') and name.endswith('Annotations') and _is_changed(data):
            raise UserError(
                f'{place} has {name} behind steps that resize or flip the image: the annotations stay as they are, and '
                'fit it no longer. Put it before them'
            )
        try:
            data = step(data)
        except Exception as error:  # a step of any library can raise anything
            raise UserError(
                f'step {i} of {place}, {name}, fails with {entry.get("img_path")}: {innermost(error)}'
            ) from error
        if data is None:
            return None
    return data


def _is_changed(data: dict[str, Any]) -> bool:
    """Whether a step has changed the size of an image, or could have turned it over."""
    image, stored = data.get('img'), data.get('ori_shape')
    return 'flip' in data or (image is not None and stored is not None and tuple(image.shape[:2]) != tuple(stored[:2]))


def _preprocessor(cfg: Config) -> dict[str, Any]:
    """Returns the settings of the preprocessor, with the type that classifiers of mmpretrain have without one."""
    settings = dict(model_settings(cfg).get('data_preprocessor') or {})
    if cfg.default_scope == 'mmpretrain':
        settings.setdefault('type', 'ClsDataPreprocessor')
    return settings
