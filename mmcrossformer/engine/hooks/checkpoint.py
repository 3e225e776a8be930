"""Checkpoints that are whole or not there."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

from mmengine.dist import is_main_process
from mmengine.fileio import LocalBackend, register_backend
from mmengine.hooks import CheckpointHook
from mmengine.runner import Runner

from mmcrossformer.registry import HOOKS
from mmcrossformer.utils.files import PARTIAL, written_whole

# The arguments by which mmengine finds the backend below.
ATOMIC = dict(backend='mmcrossformer.atomic')


class AtomicBackend(LocalBackend):
    """Writes files of this machine under another name, which they lose when they are complete and on the disk."""

    def __init__(self) -> None:
        self._held_back: list[str | Path] | None = None

    def put(self, obj: bytes, filepath: str | Path) -> None:
        """Writes a file, or leaves the one that is there."""
        with written_whole(filepath) as partial:
            super().put(obj, partial)

    def remove(self, filepath: str | Path) -> None:
        """Removes a file; inside `removals_last`, at its end."""
        if self._held_back is None:
            super().remove(filepath)
        else:
            self._held_back.append(filepath)

    @contextmanager
    def removals_last(self) -> Iterator[None]:
        """Holds removals back until what is written meanwhile is there; may be nested."""
        if self._held_back is not None:
            yield
            return
        self._held_back = []
        try:
            yield
            removals = self._held_back
        finally:
            self._held_back = None
        for path in removals:
            self.remove(path)


register_backend(ATOMIC['backend'], AtomicBackend)


@HOOKS.register_module()
class AtomicCheckpointHook(CheckpointHook):
    """mmengine's hook, for trainings that may be killed at any moment: a checkpoint is whole or not there.

    An old one is removed when the new one is there. Takes the arguments of `CheckpointHook`; where the config gives
    `backend_args`, files are written as these say.
    """

    backend_args: dict[str, Any] | None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.backend_args is None and self.file_client_args is None:
            self.backend_args = dict(ATOMIC)

    def before_train(self, runner: Runner) -> None:
        """Removes what a killed training left unfinished."""
        super().before_train(runner)
        if isinstance(self.file_backend, AtomicBackend) and is_main_process():
            for path in Path(self.out_dir).glob(f'*.pth{PARTIAL}'):
                path.unlink()

    def _save_checkpoint_with_step(self, runner: Runner, *args: Any, **kwargs: Any) -> None:
        with self._old_ones_last():
            super()._save_checkpoint_with_step(runner, *args, **kwargs)

    def _save_best_checkpoint(self, runner: Runner, metrics: dict[str, float]) -> None:
        with self._old_ones_last():
            super()._save_best_checkpoint(runner, metrics)

    def _old_ones_last(self) -> AbstractContextManager:
        atomic = isinstance(self.file_backend, AtomicBackend)
        return self.file_backend.removals_last() if atomic else nullcontext()
