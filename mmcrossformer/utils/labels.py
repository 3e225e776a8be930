"""Names of classes and others as pictures show them."""

import logging
import unicodedata
from collections.abc import Iterable, Sequence

from mmengine.logging import print_log

# Characters of names of classes, and of others.
_LONGEST, _LONGEST_IN_LEGENDS = 40, 80


def shorten(name: object, longest: int = _LONGEST) -> str:
    """Returns a name as one line of at most `longest` characters."""
    text = ''.join(c for c in ' '.join(str(name).split()) if unicodedata.category(c) != 'Cc')  # control characters
    return text if len(text) <= longest else f'{text[: longest - 1]}…'


def legend_label(name: object) -> str:
    """Returns a name as matplotlib accepts it in a legend: short, and not starting with `_`, which means no entry."""
    text = shorten(name, _LONGEST_IN_LEGENDS)
    return f' {text}' if text.startswith('_') else text


def class_labels(classes: Sequence[str], labels: Iterable[int]) -> list[str]:
    """Returns texts for classes that can be drawn with the installed fonts.

    Args:
        classes: Names of all classes.
        labels: Indices of the classes to name.

    Returns:
        The name of each, shortened; `class <label>` if it has none, or characters that no installed font has. These
        are reported once, as a warning of the log.
    """
    # Imported on use: hooks and commands import this module, and matplotlib takes most of a second.
    from mmcrossformer.utils.fonts import describe_missing, installed_fonts

    fonts = installed_fonts()
    texts = []
    for label in labels:
        name = shorten(classes[label]) if label < len(classes) else ''
        if missing := fonts.missing(name):
            # Of all classes, so that the remark is the same for every picture: the log has it only once.
            missing = fonts.missing(''.join(map(shorten, classes)))
            print_log(f'Classes are drawn by number. {describe_missing(missing)}', 'current', logging.WARNING)
        texts.append(name if name and not missing else f'class {label}')
    return texts
