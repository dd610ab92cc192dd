"""The Dockerfile, which cannot be built in every place, has no findings of its linter."""

import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.mark.skipif(
    (platform.system(), platform.machine()) != ('Linux', 'x86_64'), reason='no linter for it'
)
def test_it_has_no_findings():
    linter = shutil.which('hadolint') or Path(sys.executable).with_name('hadolint')
    result = subprocess.run([linter, ROOT / 'Dockerfile'], capture_output=True, text=True)
    assert result.returncode == 0, result.stdout


def test_it_installs_what_there_is():
    """Its extras are those of setup.cfg, and what it copies is there."""
    text = (ROOT / 'Dockerfile').read_text()
    extras = text.split("'.[")[1].split(']')[0].split(',')
    known = (ROOT / 'setup.cfg').read_text().split('[options.extras_require]')[1]
    assert all(f'\n{extra} =' in known for extra in extras)
    assert 'requirements/constraints.txt' in text
