"""Installed fonts, and which of them have the characters of a text."""

import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from itertools import groupby

from matplotlib import get_cachedir
from matplotlib.font_manager import FontEntry, FontProperties, findfont, fontManager, get_font, weight_dict

DEFAULT = 'DejaVu Sans'  # comes with matplotlib
# Has a box for every character.
_PLACEHOLDERS = 'Last Resort'
_REGULAR = 400  # weight
# Debian's packages with fonts, by the first word of the Unicode name of a character.
_PACKAGES = dict.fromkeys(('CJK', 'HIRAGANA', 'KATAKANA', 'HANGUL', 'BOPOMOFO', 'IDEOGRAPHIC'), 'fonts-noto-cjk')
_OTHER_PACKAGE, _SYMBOLS_PACKAGE = 'fonts-noto-core', 'fonts-symbola'


class Fonts:
    """Fonts of a machine, in the order in which they are tried.

    Args:
        families: Name of each font by its file.
    """

    def __init__(self, families: dict[str, str]) -> None:
        self._families = families
        self._found: dict[str, str | None] = {}

    def split(self, text: str) -> list[tuple[str, str]]:
        """Splits a text into parts of one font each: pairs of part and file of the font.

        Characters that no font has are left out, see `missing`.
        """
        files: list[tuple[str, str]] = []
        for character in text:
            current = files[-1][1] if files else None
            if current is not None and (_is_invisible(character) or _has(current, character)):
                file: str | None = current  # a part stays together, so that its letters can join
            else:
                file = self._find(character)
            if file is not None:
                files.append((character, file))
        return [(''.join(pair[0] for pair in pairs), file) for file, pairs in groupby(files, lambda pair: pair[1])]

    def families(self, text: str) -> list[str]:
        """Returns the names of the fonts that a text needs; the default is the first."""
        return list(dict.fromkeys([DEFAULT, *(self._families[file] for _, file in self.split(text))]))

    def missing(self, text: str) -> str:
        """Returns the characters of a text that no font has, each once."""
        return ''.join(c for c in dict.fromkeys(text) if not _is_invisible(c) and self._find(c) is None)

    def _find(self, character: str) -> str | None:
        if character not in self._found:
            self._found[character] = next((file for file in self._families if _has(file, character)), None)
        return self._found[character]


def installed_fonts() -> Fonts:
    """Returns the fonts that matplotlib knows, the default first, then upright ones of regular weight."""
    entries = [entry for entry in fontManager.ttflist if not entry.name.startswith(_PLACEHOLDERS)]
    default = findfont(FontProperties(family=DEFAULT))
    entries.sort(key=lambda entry: (entry.fname != default, *_order(entry)))
    return _remember(tuple((entry.fname, entry.name) for entry in entries))


def describe_missing(characters: Iterable[str]) -> str:
    """Names the scripts of characters that no font has, and what to install."""
    scripts: dict[str, list[str]] = {}
    for character in characters:
        scripts.setdefault(_script(character), []).append(character)
    packages = sorted({_package(group[0]) for group in scripts.values()})
    listed = '; '.join(f'{script}: {"".join(group[:10])}' for script, group in scripts.items())
    listed = listed.encode(errors='replace').decode()  # halves of surrogate pairs, which json can have
    return (
        f'No installed font has these characters ({listed}). Install one that has, for example '
        f'`apt install {" ".join(packages)}`, and delete the list of fonts fontlist-*.json in {get_cachedir()}'
    )


@lru_cache(maxsize=1)
def _remember(families: tuple[tuple[str, str], ...]) -> Fonts:
    """Keeps what was found out about the fonts until others are installed."""
    return Fonts(dict(families))


@lru_cache(maxsize=4096)
def _has(file: str, character: str) -> bool:
    try:
        return bool(get_font(file).get_char_index(ord(character)))
    except (OSError, RuntimeError):  # the file is broken, or was removed
        return False


def _order(entry: FontEntry) -> tuple[bool, int, str, str]:
    weight = entry.weight if isinstance(entry.weight, int) else weight_dict.get(entry.weight, _REGULAR)
    return entry.style != 'normal', abs(weight - _REGULAR), entry.name, entry.fname


def _is_invisible(character: str) -> bool:
    """Whether a character has no glyph of its own: white space, joiners, choices of a variant of the one before."""
    return character.isspace() or unicodedata.category(character) in ('Cc', 'Cf') or '\ufe00' <= character <= '\ufe0f'


def _script(character: str) -> str:
    name = unicodedata.name(character, f'U+{ord(character):04X}').partition(' ')[0]
    return 'symbols' if _is_symbol(character) else name if name == 'CJK' else name.capitalize()


def _package(character: str) -> str:
    if _is_symbol(character):
        return _SYMBOLS_PACKAGE
    return _PACKAGES.get(unicodedata.name(character, '').partition(' ')[0], _OTHER_PACKAGE)


def _is_symbol(character: str) -> bool:
    return unicodedata.category(character)[0] == 'S'
