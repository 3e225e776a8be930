"""A progress bar with rate and time left."""

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from mmcrossformer.commands.infer.processes import Processes


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text('' if speed is None else f'{speed:.2f} a second')


class Bar:
    """Shows the first process's share on a terminal; elsewhere nothing.

    Args:
        total: Pictures that this process expects.
        processes: Who shares the work.
    """

    def __init__(self, total: int, processes: Processes) -> None:
        console = Console(stderr=True)
        shown = console.is_terminal and processes.is_first
        self._progress = Progress(
            TextColumn('{task.description}'),
            BarColumn(),
            MofNCompleteColumn(),
            _Rate(),
            TimeElapsedColumn(),
            TextColumn('left'),
            TimeRemainingColumn(),
            console=console,
            disable=not shown,
        )
        name = 'pictures' if processes.number == 1 else f'pictures of process 1 of {processes.number}'
        self._task = self._progress.add_task(name, total=total)

    def __enter__(self) -> 'Bar':
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def advance(self) -> None:
        """Counts a picture."""
        self._progress.advance(self._task)
