"""The notebook runs from top to bottom, and is stored without what it gave somewhere."""

import json

import nbformat
import pytest
from nbclient import NotebookClient
from pages import ROOT
from quick import HELPERS, run_program

NOTEBOOK = ROOT / 'notebooks/quickstart.ipynb'


def test_no_outputs_are_stored():
    for cell in nbformat.read(NOTEBOOK, as_version=4).cells:
        if cell.cell_type == 'code':
            assert not cell.outputs
            assert cell.execution_count is None


def test_cells_run_on_fewer_digits(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert 'train_crops=640' in NOTEBOOK.read_text()
    result = run_program(HELPERS / 'cells.py', [NOTEBOOK, 'train_crops=640', 'train_crops=48'])
    assert result.returncode == 0, result.stderr[-3000:]
    texts, kinds = zip(*map(json.loads, result.stdout.splitlines()), strict=True)
    assert '(1, 512, 4, 5)' in texts[0]
    assert len([found for found in kinds if 'image/png' in found]) == 2  # curves, predictions
    assert (tmp_path / 'quickstart/run/epoch_3.pth').is_file()


@pytest.mark.repetition
def test_runs_in_jupyter(tmp_path):
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    NotebookClient(notebook, timeout=600, resources=dict(metadata=dict(path=str(tmp_path)))).execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == 'code' for output in cell.outputs]
    assert '(1, 512, 4, 5)' in outputs[0]['data']['text/plain']
    assert len([output for output in outputs if 'image/png' in output.get('data', {})]) == 2  # curves, predictions
    assert (tmp_path / 'quickstart/run/epoch_3.pth').is_file()
