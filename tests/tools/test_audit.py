"""The audit tells findings, ignored ones, and no network apart."""

import importlib.util
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
REPORT = {
    'dependencies': [
        {'name': 'sound', 'version': '1.0', 'vulns': []},
        {'name': 'ours', 'skip_reason': 'editable'},
        {
            'name': 'weak',
            'version': '2.0',
            'vulns': [
                {'id': 'PYSEC-1', 'fix_versions': ['2.1'], 'aliases': ['CVE-1']},
                {'id': 'GHSA-2', 'fix_versions': [], 'aliases': []},
            ],
        },
    ],
    'fixes': [],
}


@pytest.fixture
def tool(tmp_path, monkeypatch):
    """The tool, with a pip-audit that a test writes."""
    spec = importlib.util.spec_from_file_location('audit', ROOT / 'tools/audit.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, 'AUDIT', tmp_path)
    monkeypatch.setattr(module, 'IGNORED', tmp_path / 'ignored.txt')
    monkeypatch.setattr('sys.argv', ['audit.py'])

    def says(text, code, ignored=''):
        (tmp_path / 'ignored.txt').write_text(ignored)
        (tmp_path / 'said').write_text(text)
        program = tmp_path / 'pip-audit'
        program.write_text(f'#!/bin/sh\ncat {tmp_path}/said\necho broken >&2\nexit {code}\n')
        program.chmod(0o755)
        return module.main()

    return says


BOTH = 'CVE-1 2026-11-28 not called\n# why\n\nGHSA-2 2026-11-28 a tool\n'


@pytest.mark.parametrize(
    ('report', 'code', 'ignored', 'expected', 'told'),
    [
        ({'dependencies': [], 'fixes': []}, 0, '', 0, '0 findings, and 0 that'),
        (REPORT, 1, BOTH, 0, '0 findings, and 2 that'),
        (REPORT, 1, 'CVE-1 2026-11-28 not called', 1, 'weak 2.0: GHSA-2, fixed in no version'),
        (REPORT, 1, '', 1, 'weak 2.0: PYSEC-1, fixed in 2.1'),
    ],
)
def test_findings(tool, capsys, report, code, ignored, expected, told):
    assert tool(json.dumps(report), code, ignored) == expected
    assert told in capsys.readouterr().out


@pytest.mark.parametrize(('text', 'code'), [('', 1), ('', 0), ('{', 1)])
def test_without_a_network_it_is_not_done(tool, capsys, text, code):
    assert tool(text, code) == 2
    assert 'audit: not done (no network?)' in capsys.readouterr().out


def test_what_is_ignored_has_a_date_and_a_reason(tool, capsys):
    assert tool('{}', 0, 'CVE-1 later') == 2
    assert 'txt:1: expected `IDENTIFIER YYYY-MM-DD reason`' in capsys.readouterr().out


def test_ci_goes_on_and_says_which():
    assert 'make --no-print-directory check' in (ROOT / '.ci/run').read_text()
    text = (ROOT / 'Makefile').read_text()
    for word in ('tools/audit.py || echo', 'findings', 'no network', 'going on'):
        assert word in text
