"""The blocks of code in README.md and the pages."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / 'README.md', ROOT / 'CONTRIBUTING.md', *sorted((ROOT / 'docs').rglob('*.md'))]
LANGUAGES = ('sh', 'python', 'console')
# A block, and the comment in the line before it.
_BLOCK = re.compile(
    r'(?:<!-- (?P<mark>[^\n]*?) ?-->\n)?^```(?P<language>\w+)\n(?P<code>.*?)^```$', re.DOTALL | re.MULTILINE
)
_NAME = re.compile(r'# (\w+\.py)\n')


@dataclass(frozen=True)
class Block:
    """A block of code that a reader may run.

    Attributes:
        page: The page.
        line: Number of its first line there, from 1.
        language: One of `LANGUAGES`.
        code: The lines, with a newline at their end.
        mark: Text of the comment before it, which tells why it is not run.
    """

    page: Path
    line: int
    language: str
    code: str
    mark: str | None

    @property
    def config(self) -> str | None:
        """Name of the file, if the block is a whole config."""
        named = _NAME.match(self.code)
        if named:
            return named[1]
        return f'line_{self.line}.py' if self.code.startswith('_base_') else None


def blocks_of(page: Path) -> list[Block]:
    """Returns the blocks of a page, in their order."""
    text = page.read_text()
    found = []
    for match in _BLOCK.finditer(text):
        if match['language'] in LANGUAGES:
            line = text.count('\n', 0, match.start('code')) + 1
            found.append(Block(page, line, match['language'], match['code'], match['mark']))
    return found
