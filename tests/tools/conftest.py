"""The toy run lies with the tests of the engine; a tool runs in the process of its test."""

import runpy
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent.parent
sys.path.insert(0, str(TESTS / 'engine'))


@pytest.fixture
def call(monkeypatch):
    """Run a Python tool in this process."""

    def run(tool, *args):
        monkeypatch.setattr(sys, 'argv', [tool, *map(str, args)])
        monkeypatch.setattr(sys, 'path', list(sys.path))
        monkeypatch.setenv('LOCAL_RANK', '0')
        runpy.run_path(str(TESTS.parent / 'tools' / tool), run_name='__main__')

    return run
