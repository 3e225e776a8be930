"""Models that the page offers."""

import os
from pathlib import Path

from mmcrossformer.apis.predictor import Predictor
from mmcrossformer.utils.errors import UserError
from mmcrossformer.utils.weights import latest_checkpoint

# Where `make demo` leaves its training.
DEMO_DIR = Path('work_dirs/demo')
_KEPT = 2


def find_trained_model(folder: Path = DEMO_DIR) -> tuple[Path, Path] | None:
    """Finds what a training left in its work directory.

    Returns:
        Config and last checkpoint; None where there are none.
    """
    checkpoint, configs = latest_checkpoint(folder), sorted(folder.glob('*.py'))
    return (configs[0], Path(checkpoint)) if checkpoint and len(configs) == 1 else None


# Of a file: its number in the file system, bytes, and time of the last change in nanoseconds. A file that takes the
# place of another one has another number. None where there is no file, which loading reports.
_FileState = tuple[int, int, int] | None
_State = tuple[_FileState, _FileState]


class Models:
    """Loads models and keeps the last two; one whose files were written anew since is loaded again.

    Args:
        device: Where the models run.
    """

    def __init__(self, device: str) -> None:
        self.device = device
        self._kept: dict[tuple[str, str], tuple[Predictor, _State]] = {}

    def load(self, config: str, checkpoint: str) -> tuple[Predictor, bool]:
        """Loads a model, or takes one that is kept.

        Returns:
            The model, and whether it takes the place of one from the same files as they were before.

        Raises:
            UserError: A checkpoint that is being written; see also `Predictor`.
        """
        if not checkpoint:
            raise UserError('there is no checkpoint to predict with: choose a file of weights')
        name, now = (config, checkpoint), (_file_state(config), _file_state(checkpoint))
        predictor, before = self._kept.get(name, (None, None))
        if predictor is None or before != now:
            predictor = Predictor(config, checkpoint, device=self.device)
            if _file_state(checkpoint) != now[1]:
                raise UserError(f'{checkpoint} is being written: try again when it is complete')
        self._kept.pop(name, None)
        self._kept[name] = predictor, now  # what was used last comes last
        while len(self._kept) > _KEPT:
            del self._kept[next(iter(self._kept))]
        return predictor, before not in (None, now)


def _file_state(path: str) -> _FileState:
    try:
        state = os.stat(path)
    except OSError:
        return None
    return state.st_ino, state.st_size, state.st_mtime_ns
