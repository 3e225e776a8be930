"""Findings of the checks."""

from collections.abc import Collection
from dataclasses import dataclass

from mmcrossformer.utils.errors import names

# Real data sets have some bad annotations, which the host libraries drop; more of them are a mistake.
_TOLERATED = 0.01


@dataclass(frozen=True)
class Finding:
    """A problem of a job.

    Attributes:
        text: What was found and where, and what to do.
        warning: Whether the job can still run.
    """

    text: str
    warning: bool = False

    def __str__(self) -> str:
        return f'{"warning" if self.warning else "error"}: {self.text}'


def count_bad(
    bad: Collection, total: int, what: str, advice: str = '', *, tolerant: bool = False, warning: bool = False
) -> list[Finding]:
    """Reports how many items are bad and names the first of them.

    Args:
        bad: The bad items.
        total: Number of all items.
        what: Description, such as 'images of a.json are missing'.
        advice: What to do, or what happens to the bad items.
        tolerant: Whether up to 1 % of bad items are only a warning.
        warning: Whether any number of bad items is only a warning.

    Returns:
        One finding, or an empty list if nothing is bad.
    """
    if not bad:
        return []
    warning = warning or (tolerant and len(bad) <= _TOLERATED * total)
    return [Finding(f'{len(bad)} of {total} {what}: {names(list(bad))}{advice and ". " + advice}', warning)]
