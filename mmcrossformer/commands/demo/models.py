"""Models that the page offers."""

import functools
from pathlib import Path

import mmcrossformer
from mmcrossformer.engine.errors import UserError
from mmcrossformer.engine.inference import Predictor
from mmcrossformer.engine.weights import latest_checkpoint

# Where `make demo` leaves its training.
TRAINED = Path('work_dirs/demo')


def configs_of_package() -> dict[str, Path]:
    """Configs that come with the package, by name."""
    folder = Path(mmcrossformer.__file__).parent / '.mim' / 'configs'
    return {path.stem: path for path in sorted(folder.glob('*.py'))}


def trained_model(folder: Path = TRAINED) -> tuple[Path, Path] | None:
    """Finds what a training left in its work directory.

    Returns:
        Config and last checkpoint; None where there are none.
    """
    checkpoint, configs = latest_checkpoint(folder), sorted(folder.glob('*.py'))
    return (configs[0], Path(checkpoint)) if checkpoint and len(configs) == 1 else None


@functools.lru_cache(maxsize=2)
def load(config: str, checkpoint: str) -> Predictor:
    """Loads a model, and keeps the last two.

    Raises:
        UserError: See `Predictor`.
    """
    if not checkpoint:
        raise UserError('there is no checkpoint to predict with: choose a file of weights')
    return Predictor(config, checkpoint)
