"""The progress bar of all commands and of training."""

from typing import Any

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


class Rate(ProgressColumn):
    """A column that shows the rate per second."""

    def render(self, task: Task) -> Text:
        """Returns the text for a task."""
        speed = task.finished_speed or task.speed
        return Text('' if speed is None else f'{speed:.2f} a second')


def new_progress(console: Console, *columns: ProgressColumn, **options: Any) -> Progress:
    """Creates a progress display with name, bar, count, elapsed time and time left for each task.

    Args:
        console: Console to show it on.
        *columns: More columns after the count.
        **options: See `rich.progress.Progress`.
    """
    return Progress(
        TextColumn('{task.description}'),
        BarColumn(),
        MofNCompleteColumn(),
        *columns,
        TimeElapsedColumn(),
        TextColumn('left'),
        TimeRemainingColumn(),
        console=console,
        **options,
    )
