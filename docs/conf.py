"""Configuration of the documentation site, built by Sphinx.

The source is the whole checkout: links to files of the repository, such as `../configs/x.py`, work on a forge, in an
editor and in the site, and the site needs no address of the repository. Python files are shown as they are; links to
other files that are no pages download them.
"""

import inspect
import json
import re
from typing import Any

from docutils import nodes
from myst_parser.parsers.sphinx_ import MystParser
from sphinx.application import Sphinx
from sphinx.parsers import Parser
from sphinx.util import logging

PARAMETER = re.compile(r':param (?:\\\*){0,2}(\w+):')


class NotebookParser(MystParser):
    """Shows the cells of a notebook, without their outputs."""

    supported = ('notebook',)

    def parse(self, inputstring: str, document: nodes.document) -> None:
        """Reads the cells as one page of Markdown."""
        cells = [(cell['cell_type'], ''.join(cell['source'])) for cell in json.loads(inputstring)['cells']]
        texts = [text if kind == 'markdown' else f'```python\n{text}\n```' for kind, text in cells]
        super().parse('\n\n'.join(texts), document)


class PythonParser(Parser):
    """Shows the text of a Python file."""

    supported = ('python',)

    def parse(self, inputstring: str, document: nodes.document) -> None:
        """Puts the text under the file's name."""
        env = document.settings.env
        env.metadata[env.docname]['nosearch'] = True  # who searches wants pages
        title = nodes.title(text=str(env.doc2path(env.docname, base=False)))
        text = nodes.literal_block(inputstring, inputstring, language='python')
        document += nodes.section('', title, text, ids=['file'])


def mark_outside_files(app: Sphinx, docname: str, content: list[str]) -> None:
    """Lets files outside docs/ be absent from the navigation, which pages of docs/ may not."""
    if not docname.startswith('docs/'):
        app.env.metadata[docname]['orphan'] = True


def check_parameters(app: Sphinx, what: str, name: str, item: Any, options: Any, lines: list[str]) -> None:
    """Warns of documented parameters that do not exist."""
    for parameter in PARAMETER.findall('\n'.join(lines)):
        if parameter not in inspect.signature(item).parameters:
            logging.getLogger(__name__).warning('docstring of %s: there is no parameter %s', name, parameter)


def skip_points_of_hooks(app: Sphinx, what: str, name: str, item: Any, skip: bool, options: Any) -> bool | None:
    """Leaves out `before_train` and the like: mmengine calls them, users do not."""
    return True if name.startswith(('before_', 'after_')) else None


def setup(app: Sphinx) -> dict[str, Any]:
    """Registers the kinds of files and the checks."""
    app.add_source_suffix('.ipynb', 'notebook')
    app.add_source_parser(NotebookParser)
    app.add_source_suffix('.py', 'python')
    app.add_source_parser(PythonParser)
    app.connect('source-read', mark_outside_files)
    app.connect('autodoc-skip-member', skip_points_of_hooks)
    app.connect('autodoc-process-docstring', check_parameters, priority=600)  # after napoleon's 500: fields, not prose
    return {'parallel_read_safe': True}


project = html_title = 'mmcrossformer'
author = copyright = 'The mmcrossformer authors'
extensions = ['myst_parser', 'sphinx.ext.autodoc', 'sphinx.ext.napoleon', 'sphinx_copybutton']

root_doc = 'docs/index'
# The pages, and what they link to.
include_patterns = [
    'docs/**.md',
    'notebooks/*.ipynb',
    'CHANGELOG.md',
    'CONTRIBUTING.md',
    'configs/*',
    'configs/_base_/backbones/*',
    'mmcv_ext_torchvision.py',
]
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
