"""Progress bar with rate and remaining time."""

from rich.console import Console

from mmcrossformer.commands.infer.processes import Processes
from mmcrossformer.utils.progress import Rate, new_progress


class Bar:
    """Shows the progress of the first process, if it runs in a terminal.

    Args:
        total: Number of images that this process expects.
        processes: Processes that share the work.
    """

    def __init__(self, total: int, processes: Processes) -> None:
        console = Console(stderr=True)
        shown = console.is_terminal and processes.is_first
        self._progress = new_progress(console, Rate(), disable=not shown)
        name = 'images' if processes.number == 1 else f'images of process 1 of {processes.number}'
        self._task = self._progress.add_task(name, total=total)

    def __enter__(self) -> 'Bar':
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def advance(self) -> None:
        """Counts one image."""
        self._progress.advance(self._task)
