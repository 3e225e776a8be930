"""Replaces the data sets of a config."""

from typing import Any

from mmengine.config import Config

from mmcrossformer.config.walk import datasets_of
from mmcrossformer.utils.errors import UserError

# What stays of a data set: what happens to pictures, and which are taken.
_KEPT = ('_scope_', 'pipeline', 'test_mode', 'indices', 'serialize_data', 'max_refetch')


def replace_datasets(
    cfg: Config, train: dict[str, Any], val: dict[str, Any], kept: tuple[str, ...] = ()
) -> list[dict[str, Any]]:
    """Replaces the data sets of training, validation and testing; their wrappers and pipelines stay.

    Args:
        cfg: The config; changed in place.
        train: Settings of the data set for training, without a pipeline.
        val: Settings of the data set for validation and testing.
        kept: Further settings of the old data sets that stay.

    Returns:
        The new data sets.

    Raises:
        UserError: A loader joins several data sets.
    """
    changed = []
    for part, settings in (('train', train), ('val', val), ('test', val)):
        datasets = list(datasets_of(cfg.get(f'{part}_dataloader')))
        if len(datasets) > 1:
            raise UserError(f'{part}_dataloader joins {len(datasets)} data sets, own data replace a single one')
        for dataset in datasets:
            old = {key: value for key, value in dataset.items() if key in (*_KEPT, *kept)}
            dataset.clear()
            dataset.update(old | settings)
            changed.append(dataset)
    return changed
