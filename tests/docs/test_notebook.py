"""The notebook runs from top to bottom, and is stored without what it gave somewhere."""

import nbformat
import pytest
from nbclient import NotebookClient
from pages import ROOT

NOTEBOOK = ROOT / 'notebooks/quickstart.ipynb'


def test_no_outputs_are_stored():
    for cell in nbformat.read(NOTEBOOK, as_version=4).cells:
        if cell.cell_type == 'code':
            assert not cell.outputs
            assert cell.execution_count is None


@pytest.mark.slow
def test_runs(tmp_path):
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    NotebookClient(notebook, timeout=600, resources=dict(metadata=dict(path=str(tmp_path)))).execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == 'code' for output in cell.outputs]
    assert '(1, 512, 4, 5)' in outputs[0]['data']['text/plain']
    assert len([output for output in outputs if 'image/png' in output.get('data', {})]) == 2  # curves, predictions
    assert (tmp_path / 'quickstart/run/epoch_3.pth').is_file()
