"""Which slow tests a change of a method asks for."""

import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOL = runpy.run_path(str(ROOT / 'tools/changed_tests.py'))


@pytest.mark.parametrize(
    ('files', 'methods'),
    [
        ('', []),
        ('mmssod/models/ismt.py\nREADME.md\nconfigs/_base_/semi.py\n', []),
        ('mmssod/methods/ismt/memory.py\n', ['ismt']),
        ('configs/ismt/demo.py\nmmssod/methods/csd/__init__.py\nconfigs/no_method/a.py\n', ['csd', 'ismt']),
    ],
)  # fmt: skip
def test_methods_of_files(files, methods):
    assert TOOL['changed_methods'](files) == methods


def test_slow_tests_are_those_that_name_the_method():
    found = TOOL['slow_tests']('ismt')
    assert str(ROOT / 'tests/models/test_memory.py') in found
    assert str(ROOT / 'tests/models/test_bucket_choice.py') not in found
