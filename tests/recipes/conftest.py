"""What the tests of all recipes share."""

import json
import os
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parent / 'golden'


@pytest.fixture
def golden(request):
    """Compare losses of two steps with those on file; MMSSOD_UPDATE_GOLDEN=1 writes the file instead."""

    def compare(name, steps):
        file = GOLDEN / f'{name}.json'
        if os.environ.get('MMSSOD_UPDATE_GOLDEN'):
            file.write_text(json.dumps(steps, indent=1) + '\n')
        expected = json.loads(file.read_text())
        assert len(steps) == len(expected) == 2
        for found, known in zip(steps, expected, strict=True):
            assert found == pytest.approx(known, rel=1e-3, abs=1e-5)

    return compare
