"""A wheel is complete: outside the repository it finds configs, templates and types."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope='module')
def names(tmp_path_factory):
    """Files of a wheel built of a copy, so that nothing is left in the tree."""
    import shutil

    copy = tmp_path_factory.mktemp('build') / 'tree'
    ignore = shutil.ignore_patterns(
        '.git', 'data', 'work_dirs', '.venv*', '*.egg-info', 'build', '__pycache__'
    )
    shutil.copytree(ROOT, copy, ignore=ignore, symlinks=True)
    out = copy.parent / 'dist'
    command = [
        sys.executable,
        '-m',
        'pip',
        'wheel',
        '-q',
        '--no-deps',
        '--no-build-isolation',
        '-w',
        str(out),
        str(copy),
    ]
    subprocess.run(command, check=True, capture_output=True, text=True)
    with zipfile.ZipFile(next(out.glob('*.whl'))) as wheel:
        return set(wheel.namelist())


@pytest.mark.slow
def test_configs_tools_and_types_are_inside(names):
    for folder in ('configs', 'tools'):
        wanted = {
            f'mmssod/.mim/{path.relative_to(ROOT).as_posix()}'
            for path in (ROOT / folder).rglob('*')
            if path.suffix in ('.py', '.yml', '.sh')
        }
        assert len(wanted) > 20 and wanted <= names
    for file in (
        'py.typed',
        '.mim/model-index.yml',
        *(f'analysis/report/page.{end}' for end in ('html', 'css', 'js')),
    ):
        assert f'mmssod/{file}' in names
    assert 'mmssod/cli/main.py' in names
    assert not any(name.startswith(('tests/', 'docs/')) for name in names)
