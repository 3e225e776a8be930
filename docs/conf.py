"""Configuration of the documentation site, built by Sphinx.

The source is the whole checkout: links to files of the repository, such as `../configs/x.py`, work on a forge, in an
editor and in the site, and the site needs no address of the repository. It has the pages of docs/, each file that they
link to, and what those link to. Files that are no prose are shown as they are.
"""

import inspect
import json
import re
from pathlib import Path
from typing import Any

from docutils import nodes
from myst_parser.parsers.sphinx_ import MystParser
from sphinx.application import Sphinx
from sphinx.parsers import Parser
from sphinx.util import logging

ROOT = Path(__file__).parent.parent
# [text](path#anchor), no addresses; images are links of the same form.
LINK = re.compile(r'\]\((?![a-z]+:)([^)#\s]+)(?:#[^)\s]*)?\)')
PROSE = ('.md', '.ipynb')  # files that may have links
LANGUAGES = {'.py': 'python', '.sh': 'sh', '.toml': 'toml', '.cff': 'yaml'}  # of files that are shown as they are
PARAMETER = re.compile(r':param (?:\\\*){0,2}(\w+):')


def site_files() -> list[str]:
    """Returns the files that become pages, as paths from the root."""
    waiting = list((ROOT / 'docs').rglob('*.md'))
    found = set(waiting)
    while waiting:
        page = waiting.pop()
        targets = {(page.parent / link).resolve() for link in LINK.findall(page.read_text())}
        new = {path for path in targets - found if path.suffix in (*PROSE, *LANGUAGES) and path.is_file()}
        found |= new
        waiting += [path for path in new if path.suffix in PROSE]
    return sorted(path.relative_to(ROOT).as_posix() for path in found if path.is_relative_to(ROOT))


class NotebookParser(MystParser):
    """Shows the cells of a notebook, without their outputs."""

    supported = ('notebook',)

    def parse(self, inputstring: str, document: nodes.document) -> None:
        """Reads the cells as one page of Markdown."""
        cells = [(cell['cell_type'], ''.join(cell['source'])) for cell in json.loads(inputstring)['cells']]
        texts = [text if kind == 'markdown' else f'```python\n{text}\n```' for kind, text in cells]
        super().parse('\n\n'.join(texts), document)


class FileParser(Parser):
    """Shows the text of a file."""

    supported = ('file',)

    def parse(self, inputstring: str, document: nodes.document) -> None:
        """Puts the text under the file's name."""
        env = document.settings.env
        path = Path(env.doc2path(env.docname)).relative_to(ROOT)
        env.metadata[env.docname]['nosearch'] = True  # who searches wants pages
        text = nodes.literal_block(inputstring, inputstring, language=LANGUAGES[path.suffix])
        document += nodes.section('', nodes.title(text=path.as_posix()), text, ids=['file'])


def mark_outside_files(app: Sphinx, docname: str, content: list[str]) -> None:
    """Lets files outside docs/ be absent from the navigation, which pages of docs/ may not."""
    if not docname.startswith('docs/'):
        app.env.metadata[docname]['orphan'] = True


def check_parameters(app: Sphinx, what: str, name: str, item: Any, options: Any, lines: list[str]) -> None:
    """Warns of documented parameters that do not exist."""
    documented = PARAMETER.findall('\n'.join(lines))
    unknown = [] if not documented else sorted({*documented} - {*inspect.signature(item).parameters})
    if unknown:
        logging.getLogger(__name__).warning('docstring of %s: no such parameter: %s', name, ', '.join(unknown))


def setup(app: Sphinx) -> dict[str, Any]:
    """Registers the kinds of files and the checks."""
    app.add_source_suffix('.ipynb', 'notebook')
    app.add_source_parser(NotebookParser)
    for suffix in LANGUAGES:
        app.add_source_suffix(suffix, 'file')
    app.add_source_parser(FileParser)
    app.connect('source-read', mark_outside_files)
    app.connect('autodoc-process-docstring', check_parameters, priority=600)  # after napoleon's 500: fields, not prose
    return {'parallel_read_safe': True}


project = html_title = 'mmcrossformer'
author = copyright = 'The mmcrossformer authors'
extensions = ['myst_parser', 'sphinx.ext.autodoc', 'sphinx.ext.napoleon', 'sphinx_copybutton']

root_doc = 'docs/index'
include_patterns = site_files()
exclude_patterns = ['.*', 'data', 'site', 'work_dirs']  # large folders, not to be walked through
myst_heading_anchors = 4

autodoc_member_order = 'bysource'
default_role = 'code'  # docstrings have names in single backticks
napoleon_use_ivar = True
python_maximum_signature_line_length = 100

html_theme = 'furo'
html_extra_path = ['root']  # the site's address leads to the first page
html_copy_source = False
html_show_sphinx = False
