"""Mistakes of the user, reported in one message."""

import sys
import traceback
from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

EXIT_USER_ERROR = 2
# So many items are named in a message, the others are counted.
NAMED = 5


class UserError(Exception):
    """A mistake that the user can fix; the message says what was found, what is allowed and what to do."""


def run(main: Callable[[], None]) -> None:
    """Runs a command-line tool; a `UserError` becomes one message on stderr and exit code 2.

    Args:
        main: Main function of the tool.
    """
    try:
        main()
    except UserError as error:
        print_error(error)
        sys.exit(EXIT_USER_ERROR)
    except KeyboardInterrupt:
        print('interrupted', file=sys.stderr)
        sys.exit(130)


def print_error(error: UserError) -> None:
    """Prints the message on stderr."""
    print(f'error: {error}', file=sys.stderr, flush=True)


def names(items: Sequence) -> str:
    """Joins the first items, and counts the others."""
    more = f' and {len(items) - NAMED} more' if len(items) > NAMED else ''
    return ', '.join(map(str, items[:NAMED])) + more


def close_names(name: str, known: Iterable[str]) -> str:
    """Returns a sentence for the end of a message: the known names that are close to a wrong one; empty without any."""
    near = get_close_matches(name, known, cutoff=0.5)
    return f' Close names: {", ".join(near)}.' if near else ''


def check_unique(what: str, items: Sequence[Any]) -> None:
    """Raises a `UserError` that names the items that occur more than once."""
    twice = sorted({item for item in items if items.count(item) > 1})
    if twice:
        raise UserError(f'{what} must be unique, got twice: {", ".join(map(str, twice))}')


def innermost(error: BaseException) -> str:
    """Returns the message of the first cause, which names the argument; mmengine wraps it several times."""
    while (cause := error.__cause__ or (None if error.__suppress_context__ else error.__context__)) is not None:
        error = cause
    text = str(error.args[0] if isinstance(error, KeyError) and error.args else error)
    if isinstance(error, KeyError | TypeError | ValueError) and text:
        return text
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f'{type(error).__name__} {text} ({Path(place.filename).name}, line {place.lineno}: {place.line})'
