"""Writes checkpoints atomically."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

from mmengine.dist import is_main_process
from mmengine.fileio import LocalBackend, register_backend
from mmengine.hooks import CheckpointHook
from mmengine.runner import Runner

from mmcrossformer.registry import HOOKS
from mmcrossformer.utils.files import PARTIAL, atomic_write

# `backend_args` that select the backend below.
ATOMIC = dict(backend='mmcrossformer.atomic')


class AtomicBackend(LocalBackend):
    """Local files that are written under a temporary name and renamed when they are complete and on the disk."""

    def __init__(self) -> None:
        self._deferred: list[str | Path] | None = None

    def put(self, obj: bytes, filepath: str | Path) -> None:
        """Writes a file; after an error, an older file stays."""
        with atomic_write(filepath) as partial:
            super().put(obj, partial)

    def remove(self, filepath: str | Path) -> None:
        """Removes a file; within `defer_removals`, at the end of it."""
        if self._deferred is None:
            super().remove(filepath)
        else:
            self._deferred.append(filepath)

    @contextmanager
    def defer_removals(self) -> Iterator[None]:
        """Defers removals to the end of the context, and drops them after an error; may be nested."""
        if self._deferred is not None:
            yield
            return
        self._deferred = []
        try:
            yield
            removals = self._deferred
        finally:
            self._deferred = None
        for path in removals:
            self.remove(path)


register_backend(ATOMIC['backend'], AtomicBackend)


@HOOKS.register_module()
class AtomicCheckpointHook(CheckpointHook):
    """mmengine's hook with atomic writes: training can be killed at any moment and leaves no partial checkpoint.

    An old checkpoint is removed after the new one is written. Takes the arguments of `CheckpointHook`; with
    `backend_args`, files are written by that backend.
    """

    backend_args: dict[str, Any] | None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.backend_args is None and self.file_client_args is None:
            self.backend_args = dict(ATOMIC)

    def before_train(self, runner: Runner) -> None:
        """Removes partial files of a killed run."""
        super().before_train(runner)
        if isinstance(self.file_backend, AtomicBackend) and is_main_process():
            for path in Path(self.out_dir).glob(f'*.pth{PARTIAL}'):
                path.unlink()

    def _save_checkpoint_with_step(self, runner: Runner, *args: Any, **kwargs: Any) -> None:
        with self._defer_removals():
            super()._save_checkpoint_with_step(runner, *args, **kwargs)

    def _save_best_checkpoint(self, runner: Runner, metrics: dict[str, float]) -> None:
        with self._defer_removals():
            super()._save_best_checkpoint(runner, metrics)

    def _defer_removals(self) -> AbstractContextManager:
        atomic = isinstance(self.file_backend, AtomicBackend)
        return self.file_backend.defer_removals() if atomic else nullcontext()
