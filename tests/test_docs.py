"""What the docs name is there: files, configs, links, options of tools."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / 'README.md', *sorted((ROOT / 'docs').rglob('*.md'))]
TOOLS = ['tools/train.py', 'tools/test.py', 'tools/dataset/split.py', 'tools/demo.py',
         'tools/analysis/pseudo_label_quality.py', 'tools/benchmark/compare.py']  # fmt: skip


def name(path):
    return str(path.relative_to(ROOT))


def test_pages_are_seen():
    assert len(PAGES) >= 9


@pytest.mark.parametrize('page', PAGES, ids=name)
def test_named_files_exist(page):
    text = page.read_text()
    paths = re.findall(r'\b(?:configs|tools|mmssod|requirements|tests)/[\w./@-]*\w', text)
    missing = [path for path in paths if not (ROOT / path).exists()]
    assert not missing


@pytest.mark.parametrize('page', PAGES, ids=name)
def test_links_lead_somewhere(page):
    links = re.findall(r'\]\(([^)#:]+)\)', page.read_text())
    assert all((page.parent / link).exists() for link in links), links


def commands(tool):
    """Options that the docs give to a tool, line continuations joined."""
    for page in PAGES:
        text = page.read_text().replace('\\\n', ' ')
        for line in text.splitlines():
            if re.search(rf'(^|[ `]){re.escape(tool)} ', line) and not line.startswith('|'):
                yield from re.findall(r'(--[a-z][\w-]*)', line.split('#')[0].split(tool, 1)[1])


@pytest.mark.parametrize('tool', TOOLS)
def test_options_in_the_docs_are_the_tools(tool):
    command = [sys.executable, ROOT / tool, '--help']
    usage = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert all(option in usage for option in commands(tool))
