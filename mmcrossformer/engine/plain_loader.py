"""Training batches for a look at them, before the training."""

from typing import Any

from mmengine.config import Config
from mmengine.runner import Runner

# Without workers, which would outlive the look, and without pinned memory, which starts the GPU.
_IN_THIS_PROCESS = dict(num_workers=0, persistent_workers=False, pin_memory=False, prefetch_factor=None)


def build_plain_loader(cfg: Config, seed: int, batch_size: int | None) -> Any:
    """Builds the loader of a training, with its data set and sampler, in this process alone.

    Args:
        cfg: The config.
        seed: Seed of the sampler.
        batch_size: Images in a batch; None where the config has a batch sampler.

    Returns:
        The loader, a `torch.utils.data.DataLoader`.
    """
    settings = dict(cfg.train_dataloader, **_IN_THIS_PROCESS)
    if batch_size is not None:
        settings['batch_size'] = batch_size
    return Runner.build_dataloader(settings, seed=seed)
