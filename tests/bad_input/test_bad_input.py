"""Every row of the table is run, and the page in docs/ is the table."""

import re
from pathlib import Path

import pytest
from bad_input_cases import CASES
from bad_input_page import PAGE, page


@pytest.mark.parametrize('row', CASES, ids=lambda row: f'{row.group}: {row.name}')
def test_row(row, tmp_path: Path):
    said = row.run(tmp_path)
    assert re.search(row.says, said), said


def test_the_page_is_the_table():
    assert len(CASES) >= 100 and len({(row.group, row.name) for row in CASES}) == len(CASES)
    assert PAGE.read_text() == page()  # else: python tests/bad_input/bad_input_page.py
