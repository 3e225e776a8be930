"""A hook of mkdocs: pages link to files of the repository, such as `../configs/x.py`, and the site has them, too.

So links work on a forge, in an editor and in the site, and the site needs no address of the repository. Markdown files
outside docs/ and notebooks become pages, other files pages that show their text. What links to nothing stays as it is:
mkdocs reports it.
"""

import json
import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files, InclusionLevel
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parent.parent
# [text](path#anchor), no addresses; images are links of the same form.
LINK = re.compile(r'(?<=\]\()(?![a-z]+:)(?P<path>[^)#\s]+)(?P<anchor>#[^)\s]*)?(?=\))')
SHOWN: dict[str, Path] = {}  # pages that were added, and the files that they show
PROSE = ('.md', '.ipynb')  # files that may have links
LANGUAGES = {'.py': 'python', '.sh': 'sh', '.yml': 'yaml', '.cff': 'yaml', '.toml': 'toml'}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the files that pages link to, and those that these link to."""
    waiting = [file for file in files.documentation_pages() if file.abs_src_path]
    while waiting:
        file = waiting.pop()
        for target in linked(origin(file), file.content_string):
            if target.is_relative_to(config.docs_dir):
                continue
            uri = uri_of(target, config)
            if uri not in files.src_uris:
                added = File.generated(config, uri, content=shown(target), inclusion=InclusionLevel.NOT_IN_NAV)
                files.append(added)
                SHOWN[uri] = target
                if target.suffix in PROSE:
                    waiting.append(added)
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turns links into the repository into links into the site."""
    source = origin(page.file)
    if source.suffix not in PROSE:
        return markdown

    def rewrite(match: re.Match[str]) -> str:
        target = (source.parent / match['path']).resolve()
        if not target.is_file() or not target.is_relative_to(ROOT):
            return match[0]
        here = posixpath.dirname(page.file.src_uri)
        return posixpath.relpath(uri_of(target, config), here or '.') + (match['anchor'] or '')

    return LINK.sub(rewrite, markdown)


def linked(source: Path, markdown: str) -> list[Path]:
    """Returns the files of the repository that a page links to."""
    targets = [(source.parent / match['path']).resolve() for match in LINK.finditer(markdown)]
    return [target for target in targets if target.is_file() and target.is_relative_to(ROOT)]


def origin(file: File) -> Path:
    """Returns the file of the repository that a page shows."""
    return Path(file.abs_src_path) if file.abs_src_path else SHOWN[file.src_uri]


def uri_of(target: Path, config: MkDocsConfig) -> str:
    """Returns where the site has a file."""
    if target.is_relative_to(config.docs_dir):
        return target.relative_to(config.docs_dir).as_posix()
    name = target.relative_to(ROOT).as_posix()
    if name == 'README.md':
        return 'readme.md'  # mkdocs would take the name for that of the home page
    return name if target.suffix == '.md' else f'{name}.md'


def shown(target: Path) -> str:
    """Returns a file as a page."""
    text = target.read_text()
    if target.suffix == '.md':
        return text
    if target.suffix == '.ipynb':
        return '\n\n'.join(map(cell, json.loads(text)['cells'])) + '\n'
    name = target.relative_to(ROOT).as_posix()
    head = f'---\nsearch:\n  exclude: true\n---\n\n# {name}\n\n'
    return f'{head}````{LANGUAGES.get(target.suffix, "text")}\n{text}````\n'


def cell(content: dict) -> str:
    """Returns a cell of a notebook as Markdown."""
    source = ''.join(content['source'])
    return source if content['cell_type'] == 'markdown' else f'```python\n{source}\n```'
