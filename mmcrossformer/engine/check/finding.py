"""One thing that is wrong."""

from collections.abc import Collection
from dataclasses import dataclass

from mmcrossformer.utils.errors import names

# Data sets of this world have some bad annotations, which the host libraries drop; more of them are a mistake.
_TOLERATED = 0.01


@dataclass(frozen=True)
class Finding:
    """Something that is wrong with a job.

    Attributes:
        text: What was found where, and what to do.
        warning: Whether the job can run all the same.
    """

    text: str
    warning: bool = False

    def __str__(self) -> str:
        return f'{"warning" if self.warning else "error"}: {self.text}'


def count_bad(bad: Collection, total: int, what: str, advice: str = '', *, tolerant: bool = False) -> list[Finding]:
    """Counts bad things and names the first.

    Args:
        bad: The bad ones.
        total: How many there are in all.
        what: What they are, such as 'images of a.json are missing'.
        advice: What to do, or what will become of them.
        tolerant: Whether up to 1 % of them are a warning only.

    Returns:
        A finding, or none if nothing is bad.
    """
    if not bad:
        return []
    warning = tolerant and len(bad) <= _TOLERATED * total
    return [Finding(f'{len(bad)} of {total} {what}: {names(list(bad))}{advice and ". " + advice}', warning)]
