"""Models of the page."""

import os
from pathlib import Path

from mmcrossformer.apis.predictor import Predictor
from mmcrossformer.utils.errors import UserError
from mmcrossformer.utils.run import latest_checkpoint

# Work directory of `make demo`.
DEMO_DIR = Path('work_dirs/demo')
_CACHE_SIZE = 2


def find_trained_model(folder: Path = DEMO_DIR) -> tuple[Path, Path] | None:
    """Finds config and last checkpoint of a training run in its work directory.

    Returns:
        Config and last checkpoint; None if there are none.
    """
    checkpoint, configs = latest_checkpoint(folder), sorted(folder.glob('*.py'))
    return (configs[0], Path(checkpoint)) if checkpoint and len(configs) == 1 else None


# Inode, bytes and time of the last change in nanoseconds of a file. A file that replaces another one has another inode.
# None if the file does not exist; loading the model reports that.
_FileState = tuple[int, int, int] | None
_State = tuple[_FileState, _FileState]


class Models:
    """Cache of the last two models; a model is loaded again if its files changed.

    Args:
        device: Device of the models.
    """

    def __init__(self, device: str) -> None:
        self.device = device
        self._cache: dict[tuple[str, str], tuple[Predictor, _State]] = {}

    def load(self, config: str, checkpoint: str) -> tuple[Predictor, bool]:
        """Loads a model, or returns the cached one.

        Returns:
            The model, and whether it replaces a cached one because its files changed.

        Raises:
            UserError: No checkpoint is named or it is being written; see also `Predictor`.
        """
        if not checkpoint:
            raise UserError('no checkpoint is selected: choose a file of weights')
        name, now = (config, checkpoint), (_file_state(config), _file_state(checkpoint))
        predictor, before = self._cache.get(name, (None, None))
        if predictor is None or before != now:
            predictor = Predictor(config, checkpoint, device=self.device)
            if _file_state(checkpoint) != now[1]:
                raise UserError(f'{checkpoint} is being written: try again when it is complete')
        self._cache.pop(name, None)
        self._cache[name] = predictor, now  # the most recently used is last
        while len(self._cache) > _CACHE_SIZE:
            del self._cache[next(iter(self._cache))]
        return predictor, before not in (None, now)


def _file_state(path: str) -> _FileState:
    try:
        state = os.stat(path)
    except OSError:
        return None
    return state.st_ino, state.st_size, state.st_mtime_ns
