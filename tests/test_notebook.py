"""The notebook of own data runs from its first cell to its last, on drawn images."""

import os
from pathlib import Path

import nbformat
import pytest
from builders.trainings import small_data
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).parent.parent / 'docs/examples/own_data.ipynb'
PATHS = """\
labels, images, unlabeled = 'data/train.json', 'data/labeled', 'data/unlabeled'
val, val_images = 'data/val.json', 'data/val'
options = dict(iterations=2, detector='faster_rcnn_lite', start='none')
"""


def test_it_is_stored_without_output():
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    assert not any(cell.get('outputs') for cell in notebook.cells)
    assert 'labels =' in notebook.cells[1].source  # what the test below replaces


@pytest.mark.slow
def test_it_runs(tmp_path, monkeypatch):
    small_data(tmp_path / 'data')
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    notebook.cells[1].source = PATHS
    root = str(NOTEBOOK.parents[2])
    monkeypatch.setenv('PYTHONPATH', os.pathsep.join([root, os.environ.get('PYTHONPATH', '')]))
    monkeypatch.setenv('OMP_NUM_THREADS', '1')
    client = NotebookClient(notebook, timeout=600, resources={'metadata': {'path': str(tmp_path)}})
    client.execute()
    printed = ''.join(
        output.get('text', '') for cell in notebook.cells for output in cell.get('outputs', ())
    )
    assert (tmp_path / 'own/report.html').exists()
    assert 'the report: own/report.html' in printed
    pictures = [output for output in notebook.cells[-1].outputs if 'image/png' in output.get('data', {})]  # fmt: skip
    assert len(pictures) == 1
