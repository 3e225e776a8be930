"""Models that the page offers."""

import functools
from pathlib import Path

from mmcrossformer.apis.predictor import Predictor
from mmcrossformer.utils.errors import UserError
from mmcrossformer.utils.weights import latest_checkpoint

# Where `make demo` leaves its training.
TRAINED = Path('work_dirs/demo')


def trained_model(folder: Path = TRAINED) -> tuple[Path, Path] | None:
    """Finds what a training left in its work directory.

    Returns:
        Config and last checkpoint; None where there are none.
    """
    checkpoint, configs = latest_checkpoint(folder), sorted(folder.glob('*.py'))
    return (configs[0], Path(checkpoint)) if checkpoint and len(configs) == 1 else None


@functools.lru_cache(maxsize=2)
def load(config: str, checkpoint: str, device: str) -> Predictor:
    """Loads a model, and keeps the last two.

    Raises:
        UserError: See `Predictor`.
    """
    if not checkpoint:
        raise UserError('there is no checkpoint to predict with: choose a file of weights')
    return Predictor(config, checkpoint, device=device)
