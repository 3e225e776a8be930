"""Checks the samplers of loaders against the loops."""

from collections.abc import Iterator

from mmengine.config import Config

from mmcrossformer.engine.check.finding import Finding
from mmcrossformer.engine.check.settings.loop import find_loop


def check_samplers(cfg: Config) -> Iterator[Finding]:
    """Checks that epochs and validation end, and that training shuffles."""
    loop = find_loop(cfg)
    for part in ('train', 'val'):
        sampler = (cfg.get(f'{part}_dataloader') or {}).get('sampler') or {}
        if 'Infinite' in str(sampler.get('type')) and (part == 'val' or (loop is not None and loop.by_epoch)):
            what = 'validation' if part == 'val' else 'the first epoch'
            yield Finding(
                f'{part}_dataloader.sampler is {sampler["type"]}, which never ends, and neither would {what}: set '
                f"{part}_dataloader.sampler.type='DefaultSampler'"
                + (", or train by iterations (train_cfg.type='IterBasedTrainLoop')" if part == 'train' else '')
            )
        if part == 'train' and sampler.get('shuffle') is False:
            yield Finding(
                'train_dataloader.sampler.shuffle is False: each epoch has the images in the order of the data set, '
                'often one class after the other. Set it to True',
                warning=True,
            )
