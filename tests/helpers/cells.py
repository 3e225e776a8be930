"""Runs the cells of a notebook in IPython; prints for each its last value and the kinds of data that it displays.

Arguments: the notebook; what to replace in its cells; the replacement.
"""

import json
import sys

import nbformat
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.pylabtools import activate_matplotlib
from IPython.utils.capture import capture_output
from matplotlib_inline.backend_inline import configure_inline_support

INLINE = 'module://matplotlib_inline.backend_inline'  # as Jupyter sets it


def main():
    """Runs all cells; the first that fails raises its error."""
    _, path, old, new = sys.argv
    shell = InteractiveShell.instance()
    activate_matplotlib(INLINE)
    configure_inline_support(shell, INLINE)
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == 'code':
            with capture_output() as captured:
                result = shell.run_cell(cell.source.replace(old, new))
            result.raise_error()
            shown = [output.data for output in captured.outputs]
            shown.append(shell.display_formatter.format(result.result)[0])
            print(json.dumps([repr(result.result), [kind for data in shown for kind in data]]))


if __name__ == '__main__':
    main()
