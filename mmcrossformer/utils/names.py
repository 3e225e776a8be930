"""Names for the results of many files: unique, and the plain names of the files where these are unique."""

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path


def relative_names(paths: Sequence[str | Path]) -> list[str]:
    """Returns the path of each file below the deepest folder that contains all of them, with `/` on every system."""
    files = [Path(os.path.abspath(path)) for path in paths]
    root = Path(os.path.commonpath([file.parent for file in files])) if files else Path()
    return [file.relative_to(root).as_posix() for file in files]


def result_names(paths: Sequence[str | Path]) -> list[str]:
    """Returns a unique name without suffix for the results of each file, to which the suffix of a result is added.

    Args:
        paths: The files, each once.

    Returns:
        The names of `relative_names` without suffix; with it where names without suffix would be equal.
    """
    names = relative_names(paths)
    stems = [str(Path(name).with_suffix('').as_posix()) for name in names]
    # The stem of x.jpg.png is the name that x.jpg has beside x.png.
    taken = Counter(stems) + Counter(names)
    return [stem if taken[stem] == 1 else name for name, stem in zip(names, stems, strict=True)]
