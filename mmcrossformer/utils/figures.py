"""Writing of matplotlib figures, with any text in them."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmengine.logging import print_log

from mmcrossformer.utils.files import atomic_write

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.text import Text


def write_figure(path: str | Path, figure: Figure, **options: Any) -> None:
    """Writes a figure atomically as a PNG; `options` are passed to its `savefig`. See `prepare_texts`."""
    prepare_texts(figure)
    with atomic_write(path) as partial:
        figure.savefig(partial, format='png', **options)


def prepare_texts(figure: Figure) -> None:
    """Makes the texts of a figure appear as they are: no formulas, and fonts that have their characters.

    Characters that no installed font has are replaced by `?`, and reported as a warning of the log.
    """
    # The package starts without matplotlib, which takes most of a second.
    from mmcrossformer.utils.fonts import DEFAULT, describe_missing, installed_fonts

    fonts = installed_fonts()
    for text in _given_texts(figure):
        text.set_parse_math(False)
        content = text.get_text()
        if missing := fonts.missing(content):
            print_log(f'They are drawn as "?". {describe_missing(missing)}', 'current', logging.WARNING)
            content = content.translate({ord(character): '?' for character in missing})
            text.set_text(content)
        if (families := fonts.families(content)) != [DEFAULT]:
            text.set_fontfamily(families)


def _given_texts(figure: Figure) -> Iterator[Text]:
    """Yields all texts but the numbers at axes, which matplotlib may write as formulas."""
    from matplotlib.text import Text
    from matplotlib.ticker import FixedFormatter, FuncFormatter

    numbers: set[Any] = set()
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            if not isinstance(axis.get_major_formatter(), FixedFormatter | FuncFormatter):
                numbers |= {*axis.findobj(Text)} - {axis.label}
    for text in figure.findobj(Text):
        if text not in numbers:
            yield text
