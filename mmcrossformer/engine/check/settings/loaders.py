"""Checks settings of data loaders that torch refuses."""

from collections.abc import Iterator

from mmengine.config import Config

from mmcrossformer.engine.check.finding import Finding


def check_loaders(cfg: Config) -> Iterator[Finding]:
    """Checks workers and batch sizes of the loaders of training and validation."""
    for part in ('train', 'val'):
        place, loader = f'{part}_dataloader', cfg.get(f'{part}_dataloader')
        if not isinstance(loader, dict):
            continue
        if not loader.get('num_workers'):
            if loader.get('persistent_workers'):
                yield Finding(
                    f'{place} has persistent_workers=True and no workers (num_workers=0), which torch refuses: set '
                    f'{place}.persistent_workers=False'
                )
            if loader.get('prefetch_factor') is not None:
                yield Finding(
                    f'{place} has prefetch_factor={loader["prefetch_factor"]} and no workers (num_workers=0), which '
                    f'torch refuses: set {place}.prefetch_factor=None'
                )
        size = loader.get('batch_size', 1)
        if size is not None and (not isinstance(size, int) or size < 1):
            yield Finding(f'{place}.batch_size must be a whole number from 1 on, and is {size!r}')
